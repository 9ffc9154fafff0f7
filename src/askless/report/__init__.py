"""Run folders in, one self-contained HTML page out."""

from askless.report.page import write_report

__all__ = ["write_report"]
