"""`askless settings`."""

from askless.cli.terminal import new_app, out
from askless.config import describe_settings

app = new_app()


@app.command()
def settings() -> None:
    """List every setting with its default and what it means."""
    for key, default, allowed, meaning in describe_settings():
        out.print(f"[bold]{key}[/bold] = {default}", soft_wrap=True)
        note = "; ".join(part for part in (meaning, allowed and f"allowed: {allowed}") if part)
        if note:
            out.print(f"    [dim]{note}[/dim]", soft_wrap=True)
