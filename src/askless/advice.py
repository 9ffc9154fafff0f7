"""What speaks against the settings of a campaign, before anybody has answered."""

from askless.settings import CampaignConfig


def advise(config: CampaignConfig, n_known: int) -> str | None:
    """One sentence for whoever runs the campaign, or none if nothing speaks against it.

    Args:
        config: all settings.
        n_known: images whose label is known, prototypes and gold.
    """
    if config.learner.algo not in ("mlp", "torch") or n_known:
        return None
    return (
        "The learner of this method needs images whose label is known, and there are none: its labels can swap whole "
        "classes; give some ten of each class (docs/howto/images.md, Known labels), or make the campaign with "
        "learner_method=askless, which does without."
    )
