"""Audits of a campaign: when one begins, whom it asks about what, what it has shown, and what it leaves behind.

An audit is two entries of the log with answers of auditors between them. In between no label changes. What an auditor
has said of an item is its label from then on, for good.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from itertools import takewhile

import numpy as np

from askless.core.audit import Verdict, begins, expected_wrong, judge, lower_threshold, trust
from askless.core.bets import Draws, Stratum, draw, stratify, weigh
from askless.core.forecast import Forecast, forecast, until_finished, until_promised
from askless.core.promise import Terms, allowed_disagreements, allowed_wrong, alpha_of, bound_accuracy
from askless.core.risk import StopReason
from askless.randomness import generator
from askless.results import Promise, Refresh
from askless.settings import CampaignConfig
from askless.store.entries import Entry, Kind
from askless.store.journal import Append
from askless.store.ledger import Ledger
from askless.types import BoolArray, Estimate, FloatArray, IntArray, Prototypes, SkipReason


class Auditing:
    """The promise of one campaign.

    Args:
        n_items: N.
        prototypes: items whose label is known; the promise is about the others.
        seed: of every draw.
    """

    def __init__(self, n_items: int, prototypes: Prototypes, seed: int) -> None:
        self._n_items = n_items
        self._n_set = n_items - len(prototypes)
        self._prototypes = prototypes
        self._seed = seed
        self._foreseen: tuple[tuple[int, int, CampaignConfig], Forecast | None] | None = None
        self._settled: tuple[Estimate, dict[int, int], Estimate] | None = None
        self._bounded: tuple[tuple[int, bytes, int], tuple[float, float]] | None = None

    def settle(self, estimate: Estimate, ledger: Ledger, config: CampaignConfig) -> Estimate:
        """The estimate with the labels that auditors have given, as sure as prototypes."""
        labels = {item: said for item, said in self._said(ledger, config).items() if not isinstance(said, SkipReason)}
        if not labels:
            return estimate
        if self._settled is None or self._settled[0] is not estimate or self._settled[1] != labels:
            posterior = estimate.posterior.copy()
            posterior[list(labels)] = np.eye(posterior.shape[1])[list(labels.values())]
            self._settled = estimate, labels, replace(estimate, posterior=posterior)
        return self._settled[2]

    def threshold(self, risk: FloatArray, ledger: Ledger, config: CampaignConfig) -> float:
        """The risk from which on an item is asked about: with a promise lower than `max_risk` where little is left."""
        if config.promise.target_accuracy is None:
            return config.max_risk
        return lower_threshold(
            risk, self.may_improve(ledger, config), config.max_risk, config.batch_size * config.n_batches
        )

    def may_improve(self, ledger: Ledger, config: CampaignConfig) -> BoolArray:
        """(N,) whether others than auditors may be asked about it."""
        may_ask = (ledger.n_labels < config.sampler.max_per_item) & ~ledger.is_broken
        may_ask[self._prototypes.item] = False
        may_ask[list(self._said(ledger, config))] = False
        return may_ask

    def stuck_risk(self, risk: FloatArray, ledger: Ledger, config: CampaignConfig) -> float:
        """The risk, summed, of items that neither others may be asked about nor an auditor has labelled."""
        is_stuck = ~self.may_improve(ledger, config)
        is_stuck[self._prototypes.item] = False
        return float(risk[is_stuck].sum())

    def begin(self, refresh: Refresh, risk: FloatArray, ledger: Ledger, config: CampaignConfig, append: Append) -> None:
        """After a refresh: begins an audit if it pays, or stops the campaign if none can be afforded.

        Args:
            risk: (N,) that the refresh believes.
        """
        target = config.promise.target_accuracy
        if target is None or ledger.stopped:
            return
        to_draw = self._to_draw(ledger, config)
        can_improve = refresh.open > 0 and self._trust(ledger) * refresh.stuck <= allowed_wrong(self._n_set, target)
        if self._max_audits(len(to_draw), config) == 0:
            if not can_improve:
                append(Kind.STOPPED, payload={"reason": StopReason.CANNOT_BE_REACHED.value})
            return
        stratum = stratify(risk[to_draw])
        terms = self._terms(risk[to_draw], stratum, target, ledger, config)
        failed_at = (ledger.verdicts[-1].payload or {})["risk"] if ledger.verdicts else None
        history = self._history(len(to_draw), ledger)
        if begins(terms, history, config.batch_size * config.n_batches, failed_at, can_improve=can_improve):
            weight = np.array([stratum.weight for stratum in terms.strata])[stratum]
            order = draw(generator(self._seed, "audit", ledger.position), weight)[: terms.max_audits]
            drawn = {"items": to_draw[order].tolist(), "stratum": stratum[order].tolist()}
            append(Kind.AUDITING, payload=asdict(terms) | drawn | {"can_improve": can_improve, "risk": history[-1][1]})

    def batches(
        self, ledger: Ledger, config: CampaignConfig, names: Sequence[str], n_batches: int
    ) -> list[tuple[int, list[int]]]:
        """Auditor and items of each batch, the first of the audit's order that no auditor has answered or holds."""
        assert ledger.audit is not None
        auditors = self._auditors(ledger, config)
        taken = self._said(ledger, config).keys() | {item for j in auditors for item in ledger.held(j)}
        waiting = [item for item in (ledger.audit.payload or {})["items"] if item not in taken]
        size = config.batch_size
        if config.budget is not None:
            waiting = waiting[: max(config.budget - ledger.n_given - ledger.n_promised, 0)]
        present = [j for j in auditors if ledger.names[j] in names]
        batches = [(j, waiting[k * size : (k + 1) * size]) for k, j in enumerate(present[:n_batches])]
        return [(j, items) for j, items in batches if items]

    def leave_out(self, names: Sequence[str], config: CampaignConfig) -> list[str]:
        """Those who are asked about everything: with a promise, all but the auditors."""
        return [name for name in names if name not in config.promise.trusted]

    def conclude(self, label: IntArray, ledger: Ledger, config: CampaignConfig, append: Append) -> None:
        """Ends the audit under way if it has shown enough, and with it the campaign if there is nothing more to do.

        Args:
            label: (N,) as audited.
        """
        assert ledger.audit is not None
        payload = ledger.audit.payload or {}
        terms, draws = _terms_of(ledger.audit, config), self._draws(ledger.audit, label, ledger, config)
        n_unsettled = self._n_unsettled(ledger, config)
        low, high = self._bound(ledger.audit, draws, n_unsettled, config)
        verdict = judge(terms, draws, n_unsettled, low, can_improve=payload["can_improve"])
        is_spent = config.budget is not None and ledger.n_given >= config.budget
        if verdict == Verdict.OPEN and not is_spent:
            return
        shown = {"n_audited": len(draws), "n_wrong": draws.n_wrong, "n_expected": expected_wrong(terms, draws)}
        found = {"verdict": verdict.value, "low": low, "high": high, "risk": payload["risk"]}
        append(Kind.AUDITED, payload=shown | found)
        if verdict == Verdict.KEPT:
            append(Kind.STOPPED, payload={"reason": StopReason.PROMISE_KEPT.value})
        elif verdict == Verdict.HOPELESS:
            append(Kind.STOPPED, payload={"reason": StopReason.CANNOT_BE_REACHED.value})

    def forecast(self, risk: FloatArray, ledger: Ledger, config: CampaignConfig) -> Forecast | None:
        """Labels in all at the end; none while there is nothing to go by.

        Args:
            risk: (N,) that the last refresh believes.
        """
        seen = ledger.last_refresh, len(self._said(ledger, config)), config
        if self._foreseen is None or self._foreseen[0] != seen:
            self._foreseen = seen, self._forecast(risk, ledger, config)
        return self._foreseen[1]

    def _forecast(self, risk: FloatArray, ledger: Ledger, config: CampaignConfig) -> Forecast | None:
        to_draw, target = self._to_draw(ledger, config), config.promise.target_accuracy
        history = self._history(len(to_draw), ledger)
        if target is None:
            made = forecast(history, until_finished(config.max_risk))
        elif len(to_draw):
            terms = self._terms(risk[to_draw], stratify(risk[to_draw]), target, ledger, config)
            made = forecast(history, until_promised(terms))
        else:
            made = None
        if made is None or config.budget is None:
            return made
        most = config.budget
        return Forecast(min(made.n_answers, most), min(made.low, most), min(made.high, most))

    def promise(self, estimate: Estimate, ledger: Ledger, config: CampaignConfig) -> Promise | None:
        """What is promised, and what the audit under way, else the last one, has shown."""
        target = config.promise.target_accuracy
        if target is None:
            return None
        low, high = 0.0, 1.0
        if ledger.audit is not None:
            draws = self._draws(ledger.audit, estimate.label, ledger, config)
            low, high = self._bound(ledger.audit, draws, self._n_unsettled(ledger, config), config)
        elif ledger.verdicts:
            payload = ledger.verdicts[-1].payload or {}
            low, high = payload["low"], payload["high"]
        said = self._said(ledger, config)
        return Promise(
            target, config.promise.confidence, low, high, len(said), len(ledger.audits), ledger.audit is not None
        )

    def _history(self, n_items: int, ledger: Ledger) -> list[tuple[int, float]]:
        """Labels so far, and the mean risk of `n_items` that no auditor has labelled, after each refresh."""
        payloads = [entry.payload or {} for entry in ledger.refreshes if entry.position > ledger.restarted]
        scale = self._n_set / max(n_items, 1)
        return [(payload["n_annotations"], payload["risk"] * scale) for payload in payloads if "risk" in payload]

    def _trust(self, ledger: Ledger) -> float:
        past = [entry.payload or {} for entry in ledger.verdicts]
        n_expected = sum(payload.get("n_expected", payload["n_audited"] * payload["risk"]) for payload in past)
        return trust(sum(payload["n_wrong"] for payload in past), n_expected)

    def _terms(
        self, risk: FloatArray, stratum: IntArray, target: float, ledger: Ledger, config: CampaignConfig
    ) -> Terms:
        """Of an audit that would begin now, among items with this risk in these strata."""
        terms = Terms(
            self._n_set,
            target,
            tuple(Stratum(int(n), 0.0, 1.0) for n in np.bincount(stratum)),
            self._trust(ledger),
            alpha_of(len(ledger.audits), config.promise.confidence),
            self._max_audits(len(risk), config),
            1 - config.promise.auditor_accuracy,
        )
        n_allowed = max(allowed_disagreements(terms), 0)
        expected = np.minimum(terms.trust * risk, 1.0)
        weighed = weigh(expected, stratum, n_allowed, terms.alpha_of_bets)
        mean = np.bincount(stratum, risk) / np.bincount(stratum)
        strata = (Stratum(w.n_items, float(r), w.weight) for w, r in zip(weighed, mean, strict=True))
        return replace(terms, strata=tuple(strata))

    def _to_draw(self, ledger: Ledger, config: CampaignConfig) -> IntArray:
        """The items that are not known and that no auditor has been heard about."""
        known = np.append(self._prototypes.item, list(self._said(ledger, config)))
        return np.setdiff1d(np.arange(self._n_items), known)

    def _max_audits(self, n_to_draw: int, config: CampaignConfig) -> int:
        n_audited = self._n_set - n_to_draw
        return max(0, min(n_to_draw, int(config.promise.max_audit_share * self._n_set) - n_audited))

    def _draws(self, audit: Entry, label: IntArray, ledger: Ledger, config: CampaignConfig) -> Draws:
        """What the auditors have said of the items of an audit, as far as all before them are answered."""
        said, payload = self._said(ledger, config), audit.payload or {}
        items = list(takewhile(said.__contains__, payload["items"]))
        stratum = payload.get("stratum", [0] * len(items))[: len(items)]
        return Draws(np.array(stratum, np.int64), np.array([said[item] != label[item] for item in items], np.bool_))

    def _bound(self, audit: Entry, draws: Draws, n_unsettled: int, config: CampaignConfig) -> tuple[float, float]:
        """What an audit has shown so far, computed once however often one looks."""
        seen = audit.position, draws.is_wrong.tobytes(), n_unsettled
        if self._bounded is None or self._bounded[0] != seen:
            self._bounded = seen, bound_accuracy(_terms_of(audit, config), draws, n_unsettled)
        return self._bounded[1]

    def _n_unsettled(self, ledger: Ledger, config: CampaignConfig) -> int:
        return sum(isinstance(said, SkipReason) for said in self._said(ledger, config).values())

    def _said(self, ledger: Ledger, config: CampaignConfig) -> dict[int, int | SkipReason]:
        """What auditors have said of items that are not known; of two, the one named first counts."""
        if config.promise.target_accuracy is None:
            return {}
        said: dict[int, int | SkipReason] = {}
        for j in reversed(self._auditors(ledger, config)):
            said |= ledger.said[j]
        for item in self._prototypes.item.tolist():
            said.pop(item, None)
        return said

    def _auditors(self, ledger: Ledger, config: CampaignConfig) -> list[int]:
        present = (ledger.index[name] for name in config.promise.auditors if name in ledger.index)
        return [j for j in present if j not in ledger.banned]


def _terms_of(audit: Entry, config: CampaignConfig) -> Terms:
    """In logs of before there were strata, all items are one."""
    payload = audit.payload or {}
    if "strata" not in payload:
        strata = [{"n_items": payload["n_items"], "risk": payload["expected_share"], "weight": 1.0}]
        payload = payload | {"strata": strata, "trust": 1.0, "target_accuracy": config.promise.target_accuracy}
    terms = {field.name: payload[field.name] for field in fields(Terms)}
    return Terms(**terms | {"strata": tuple(Stratum(**stratum) for stratum in payload["strata"])})
