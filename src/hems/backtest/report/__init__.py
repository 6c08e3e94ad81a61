"""A backtest as one self-contained page: pure functions from `StudyResult` to HTML; no other host is ever asked."""

from hems.backtest.report.page import render

__all__ = ["render"]
