"""Who is asked about what now: the log and the last estimate on one side, the sampler and gold on the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from askless.core.gold import Standing, n_left_to_qualify, slip_in, standing
from askless.core.sampler import Workload, plan
from askless.errors import DataError
from askless.randomness import generator
from askless.settings import CampaignConfig
from askless.store.ledger import Ledger
from askless.types import BoolArray, Estimate, IntArray, Prototypes


@dataclass(frozen=True, eq=False)
class Planner:
    """Plans batches by the log as it is now.

    Args:
        n_items: N.
        prototypes: items whose label is known; nobody is asked about them, unless they are gold.
        gold: known label by item, for items that people are tested with.
        seed: of every draw.
    """

    n_items: int
    prototypes: Prototypes
    gold: Mapping[int, int]
    seed: int

    def standing(self, annotator: int, ledger: Ledger, config: CampaignConfig) -> Standing:
        if annotator in ledger.banned:
            return Standing.BANNED
        return standing(ledger.said[annotator], self._usable_gold(ledger), config.annotators)

    def plan(
        self,
        estimate: Estimate,
        ledger: Ledger,
        config: CampaignConfig,
        names: Sequence[str],
        n_batches: int,
        askable: Mapping[str, IntArray],
    ) -> list[tuple[int, list[int]]]:
        """Annotator and items of each batch. Who has to qualify comes first, and gets gold alone."""
        left = None if config.budget is None else config.budget - ledger.n_given - ledger.n_promised
        cap = config.sampler.max_per_annotator or self.n_items
        gold = self._usable_gold(ledger)
        gold_of: dict[int, IntArray] = {}
        batches: list[tuple[int, list[int]]] = []
        workloads: list[Workload] = []
        for name in dict.fromkeys(names):
            j = ledger.index[name]
            if self.standing(j, ledger, config) in (Standing.BANNED, Standing.UNQUALIFIED):
                continue
            said, held = ledger.said[j], ledger.held(j)
            capacity, price = cap - len(said) - len(held), config.annotators.price_of(name)
            workload = Workload(j, ledger.asked(j), capacity, askable.get(name), price)
            gold_of[j] = _left_for(workload, [item for item in gold if item not in said and item not in held])
            if n_left := n_left_to_qualify(said, gold, config.annotators):
                n_wanted = min(n_left - len(gold.keys() & held), config.batch_size, workload.capacity)
                items = self._draw(gold_of[j], n_wanted if left is None else min(n_wanted, left), ledger, j)
                if items and len(batches) < n_batches:
                    batches.append((j, items))
                    left = None if left is None else left - len(items)
            else:
                workloads.append(workload)
        assignments = plan(
            estimate.posterior,
            estimate.risk,
            replace(estimate.confusion, n_annotators=max(estimate.confusion.n_annotators, len(ledger.names))),
            self._is_free(ledger, config),
            workloads,
            n_batches - len(batches),
            config.batch_size,
            left,
            config.max_risk,
            config.sampler,
            rng=generator(self.seed, "ask", ledger.position),
            answer_power=config.aggregator.answer_power,
            annotations=ledger.annotations() if config.sampler.algo == "active_lab" else None,
            machine=estimate.machine,
        )
        for chosen in assignments:
            j = chosen.annotator
            rng = generator(self.seed, "gold", ledger.position, j)
            batches.append((j, slip_in(chosen.items, gold_of[j], config.annotators.gold_rate, rng).tolist()))
        return batches

    def check_askable(self, askable: Mapping[str, IntArray]) -> None:
        """Raises DataError for an item that is not there."""
        for name, items in askable.items():
            if len(items) and not 0 <= items.min() <= items.max() < self.n_items:
                raise DataError(
                    f"{name!r} cannot be asked about items {items.min()} to {items.max()}; give indices from 0 to "
                    f"{self.n_items - 1}."
                )

    def _is_free(self, ledger: Ledger, config: CampaignConfig) -> BoolArray:
        is_free = ledger.n_labels < config.sampler.max_per_item
        is_free &= ~ledger.is_broken
        is_free[self.prototypes.item] = False
        is_free[ledger.promised_items()] = False
        return is_free

    def _usable_gold(self, ledger: Ledger) -> dict[int, int]:
        if not self.gold:
            return {}
        items = np.fromiter(self.gold, np.int64)
        return {item: self.gold[item] for item in items[~ledger.is_broken[items]].tolist()}

    def _draw(self, gold: IntArray, size: int, ledger: Ledger, annotator: int) -> list[int]:
        rng = generator(self.seed, "qualification", ledger.position, annotator)
        return list(rng.permutation(gold)[: max(size, 0)].tolist())


def _left_for(workload: Workload, gold: list[int]) -> IntArray:
    items = np.array(gold, np.int64)
    return items if workload.askable is None else items[np.isin(items, workload.askable)]
