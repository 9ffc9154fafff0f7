"""One run, told to a newcomer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from askless.core.risk import ItemStatus, StopReason
from askless.report import figures
from askless.report.content import (
    NONE,
    Fact,
    Plot,
    Table,
    count,
    decimal,
    duration,
    first,
    last,
    percent,
    plain_rows,
)
from askless.report.reliability import N_BINS, Reliability, measure_reliability
from askless.report.run import Evaluation, RiskyItem, Run
from askless.report.thumbnail import make_thumbnail
from askless.types import FloatArray

MOST_PAIRS = 15
MOST_ANNOTATORS = 12
MOST_RISKY = 24
MOST_RISKY_OF_MANY = 6
STOPPED: dict[str, str] = {
    StopReason.FINISHED: "every image was finished or asked about as often as allowed",
    StopReason.BUDGET: "the budget of annotations was spent",
    StopReason.EARLY_STOP: "the number of finished images no longer grew",
    StopReason.NO_ANNOTATOR: "nobody was left who might be asked about an open image",
    StopReason.PROMISE_KEPT: "audits had shown that the promise is kept",
    StopReason.CANNOT_BE_REACHED: "no audit that is allowed could show the accuracy that was to be promised",
}


@dataclass(frozen=True)
class Picture:
    """One of the riskiest items as it is shown; `source` is a `data:` URI, or none."""

    source: str | None
    is_pixel_art: bool
    risky: RiskyItem
    probability: str


@dataclass(frozen=True)
class Section:
    """All that is said of one run."""

    id: str
    name: str
    lead: str
    facts: Sequence[Fact]
    progress: Plot | None
    reliability: Plot
    bins: Table
    confusions: Sequence[Plot]
    confusion_note: str
    pairs: Table
    skills: Plot
    annotators: Table
    pictures: Sequence[Picture]
    settings: Table
    versions: Table


def describe(run: Run, id: str, is_short: bool) -> Section:
    evaluation = run.evaluation
    shown = run.riskiest[: MOST_RISKY_OF_MANY if is_short else MOST_RISKY]
    posterior = measure_reliability(evaluation.posterior, evaluation.truth)
    machine = None
    if evaluation.machine is not None:
        machine = measure_reliability(evaluation.machine, evaluation.truth)
    return Section(
        id=id,
        name=run.name,
        lead=_lead(run),
        facts=_facts(run),
        progress=None if is_short else _progress_plot(run, id),
        reliability=_reliability_plot(id, posterior, machine),
        bins=_bins_table(posterior, machine),
        confusions=[] if is_short else _confusion_plots(evaluation, id),
        confusion_note=_confusion_note(evaluation),
        pairs=_pairs_table(evaluation),
        skills=_skills_plot(evaluation, id),
        annotators=_annotators_table(evaluation),
        pictures=[_picture(risky, run.folder) for risky in shown],
        settings=Table("Settings", ("setting", "value"), plain_rows(sorted(run.settings.items())), n_names=2),
        versions=Table("Versions", ("package", "version"), plain_rows(sorted(run.versions.items())), n_names=2),
    )


def _lead(run: Run) -> str:
    reason = run.text("stopped_because")
    known, gold, audited = run.number("n_prototypes"), run.number("n_gold"), run.number("n_audited")
    return (
        f"People gave {count(run.number('n_annotations'))} annotations for {count(run.number('n_items'))} "
        f"images, {decimal(run.number('annotations_per_item'))} per image, "
        f"and {percent(run.number('accuracy'))} of the images ended with the right label. "
        + (f"{count(gold)} of the annotations were answers to gold questions, before all others. " if gold else "")
        + (f"{count(audited)} of the annotations were answers of auditors. " if audited else "")
        + (f"Beside these, {count(known)} images were known in advance. " if known else "")
        + f"It stopped because {STOPPED.get(reason, reason)}."
    )


def _facts(run: Run) -> list[Fact]:
    asked = run.evaluation.n_annotations
    nobody = percent(float((asked == 0).mean())) if len(asked) else NONE
    risk = _number(run.settings, "max_risk")
    n_rounds = len(run.curves["annotations_per_item"])
    target, low = _number(run.settings, "promise.target_accuracy"), run.number("accuracy_low")
    aim = f"; {1 - risk:.0%} or more was the aim" if risk and target is None else ""
    promise = "" if target is None else f"; {percent(target)} was the aim, and audits showed {percent(low)} or more"
    below = f": risk below {risk:.0%}" if risk else ""
    n_exhausted = run.statuses.get(ItemStatus.EXHAUSTED, 0)
    unsure = f"; {n_exhausted:,} stay unsure" if n_exhausted else ""
    is_any_finished = run.number("finished_accuracy") is not None
    without_distractors = Fact(
        "Accuracy without distractors",
        percent(run.number("accuracy_wanted")),
        f"of the images of wanted classes; {percent(run.number('other_recall'))} of the distractors were found, and "
        f"{percent(run.number('other_precision'))} of the images labelled as such are distractors",
    )
    return [
        Fact("Accuracy", percent(run.number("accuracy")), f"of all images have the right label{promise}"),
        *([] if run.number("accuracy_wanted") is None else [without_distractors]),
        Fact(
            "Annotations per image",
            decimal(run.number("annotations_per_item")),
            f"on average; {nobody} of the images were shown to nobody",
        ),
        Fact(
            "Finished",
            percent(run.number("finished_share")),
            f"are sure enough to ask no more{below}{unsure}",
        ),
        Fact(
            "Accuracy of finished images",
            percent(run.number("finished_accuracy")),
            f"are right{aim}" if is_any_finished else "no image was finished",
        ),
        Fact(
            "Calibration error",
            percent(run.number("ece")),
            "between stated confidence and share right, on average (ECE); 0% is best",
        ),
        Fact("Computing time", duration(run.number("seconds")), f"for {n_rounds:,} rounds"),
    ]


def _number(settings: Mapping[str, str], key: str) -> float | None:
    try:
        return float(settings[key])
    except (KeyError, ValueError):
        return None


def _progress_plot(run: Run, id: str) -> Plot:
    curves = run.curves
    machine, has_promise = curves["machine_all_top1"], "accuracy_low" in curves
    alt = (
        f"Accuracy goes from {percent(first(curves['posterior_all_top1']))} at "
        f"{decimal(first(curves['annotations_per_item']))} annotations per image to "
        f"{percent(last(curves['posterior_all_top1']))} at {decimal(last(curves['annotations_per_item']))}; "
        f"{percent(last(curves['finished_share']))} of the images are finished at the end"
        + (f"; the machine alone ends at {percent(last(machine))}" if np.isfinite(machine).any() else "")
        + (f"; audits have shown at least {percent(last(curves['accuracy_low']))}." if has_promise else ".")
    )
    return Plot(
        "What the annotations bought",
        figures.draw_progress(f"{id}-progress", alt, curves),
        "Accuracy: share of images with the right label. Finished: share that needs no more annotations."
        + (" Shown by audits: between these bounds the accuracy was, as far as auditors had answered." * has_promise),
    )


def _reliability_plot(id: str, posterior: Reliability, machine: Reliability | None) -> Plot:
    alt = f"Reliability of the posterior: calibration error {percent(posterior.ece)} over {_many(posterior)}"
    alt += f"; of the machine alone: {percent(machine.ece)}." if machine else "."
    return Plot(
        "Is the confidence honest?",
        figures.draw_reliability(f"{id}-reliability", alt, posterior, machine),
        "On the dashed diagonal, labels that claim 80% are right in 80% of the cases; below it they claim "
        "too much. Thin lines: 95% intervals. The bars count the images, on a logarithmic scale.",
    )


def _many(bins: Reliability) -> str:
    return f"{int(bins.count.sum()):,} images"


def _bins_table(posterior: Reliability, machine: Reliability | None) -> Table:
    sources = [("posterior", posterior)] + ([("machine", machine)] if machine else [])
    columns = ["confidence"]
    for source, _ in sources:
        columns += [f"{source}: images", "mean confidence", "right"]
    rows = []
    for i in range(N_BINS):
        row = [f"{i / N_BINS:.0%} to {(i + 1) / N_BINS:.0%}"]
        for _, bins in sources:
            row += [f"{bins.count[i]:,}", percent(bins.confidence[i]), percent(bins.accuracy[i])]
        rows.append(row)
    return Table("Numbers behind the reliability figure", columns, plain_rows(rows))


def _confusion_plots(evaluation: Evaluation, id: str) -> list[Plot]:
    def right(matrix: FloatArray) -> str:
        diagonal = np.diagonal(matrix)
        return percent(float(diagonal[np.isfinite(diagonal)].mean())) if np.isfinite(diagonal).any() else NONE

    plots = []
    for key, title, matrix, x_label, caption in (
        ("true", "How annotators err", evaluation.confusion_true, "what they say", "The crowd as it is."),
        (
            "estimated",
            "How they seem to err",
            evaluation.confusion_estimated,
            "what they say",
            "As estimated from annotations alone.",
        ),
        ("outcome", "What came of it", evaluation.outcome, "label at the end", "The labels at the end."),
    ):
        alt = f"{title}: confusions of {len(evaluation.classes):,} classes, {right(matrix)} right on average."
        drawn = figures.draw_confusion(f"{id}-{key}", alt, matrix, evaluation.classes, x_label)
        plots.append(Plot(title, drawn, f"{caption} {right(matrix)} right, averaged over classes."))
    return plots


def _confusion_note(evaluation: Evaluation) -> str:
    note = "Row: truth. Column: what was said. Darker: a larger share of the row"
    n_grouped = figures.group_size(len(evaluation.classes))
    note += f"; each cell stands for {n_grouped} neighbouring classes." if n_grouped > 1 else ", in percent."
    return note + (" Grey: no images." if np.isnan(evaluation.outcome).any() else "")


def _pairs_table(evaluation: Evaluation) -> Table:
    """The pairs that annotators confuse most."""
    confused = np.nan_to_num(evaluation.confusion_true)
    np.fill_diagonal(confused, 0)
    order = np.argsort(-confused, axis=None, kind="stable")[:MOST_PAIRS]
    rows = []
    for y, z in zip(*np.unravel_index(order, confused.shape), strict=True):
        if confused[y, z] > 0:
            rows.append(
                (
                    evaluation.classes[y],
                    evaluation.classes[z],
                    percent(evaluation.confusion_true[y, z]),
                    percent(evaluation.confusion_estimated[y, z]),
                    f"{evaluation.outcome_counts[y, z]:,}",
                )
            )
    columns = ("truth", "taken for", "how often", "as estimated", "labels so at the end")
    return Table("Class pairs that annotators confuse most", columns, plain_rows(rows), n_names=2)


def _skills_plot(evaluation: Evaluation, id: str) -> Plot:
    gap = np.abs(evaluation.skill_true - evaluation.skill_estimated)
    asked = np.isfinite(gap) & (evaluation.annotator_count > 0)
    error = percent(float(gap[asked].mean())) if asked.any() else NONE
    alt = (
        f"Estimated against true skill of {len(gap):,} annotators; on average the estimate is {error} off "
        f"for the {int(asked.sum()):,} who were asked."
    )
    return Plot(
        "Does it know its annotators?",
        figures.draw_skills(
            f"{id}-skills", alt, evaluation.skill_true, evaluation.skill_estimated, evaluation.annotator_count
        ),
        f"Skill: chance to name the right class. The estimates are {error} off on average. Each dot is an "
        "annotator, larger with more annotations.",
    )


def _annotators_table(evaluation: Evaluation) -> Table:
    order = np.argsort(-evaluation.annotator_count, kind="stable")[:MOST_ANNOTATORS]
    rows = [
        (
            evaluation.annotator[j],
            f"{evaluation.annotator_count[j]:,}",
            percent(evaluation.skill_true[j]),
            percent(evaluation.skill_estimated[j]),
        )
        for j in order
    ]
    caption = "Annotators" if len(order) == len(evaluation.annotator) else "The busiest annotators"
    return Table(caption, ("annotator", "annotations", "true skill", "estimated"), plain_rows(rows))


def _picture(risky: RiskyItem, folder: Path) -> Picture:
    source, is_pixel_art = make_thumbnail(risky.image, folder) or (None, False)
    return Picture(source, is_pixel_art, risky, percent(risky.probability))
