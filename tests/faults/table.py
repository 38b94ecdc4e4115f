"""The table of faults: `make test-faults` ends with what was broken on purpose, and what came of it."""

from dataclasses import dataclass

import pytest


@dataclass
class Line:
    """One fault that was tried, in one test or several."""

    tests: int = 0
    seconds: float = 0.0
    outcome: str = "held"
    told: str = ""


class FaultTable:
    """Collects the outcome of every test that is marked with a fault."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self.names: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Remember which fault each test is about."""
        for item in items:
            mark = item.get_closest_marker("fault")
            if mark is not None:
                self.names[item.nodeid] = str(mark.args[0])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one test."""
        name = self.names.get(report.nodeid)
        if name is None or (report.when != "call" and report.passed):
            return
        line = self.lines.setdefault(name, Line())
        line.tests += 1
        line.seconds += report.duration
        if report.failed:
            line.outcome = "FAILED"
        elif report.skipped and line.outcome == "held":
            line.outcome = "not tried"
        line.told = "; ".join(str(value) for key, value in report.user_properties if key == "told") or line.told

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, as Markdown."""
        if "fault" not in str(terminalreporter.config.option.markexpr):
            return
        terminalreporter.section("faults")
        terminalreporter.write_line("| fault | tests | seconds | outcome |")
        terminalreporter.write_line("|---|---|---|---|")
        for name, line in sorted(self.lines.items()):
            outcome = f"{line.outcome}: {line.told}" if line.told else line.outcome
            terminalreporter.write_line(f"| {name} | {line.tests} | {line.seconds:.1f} | {outcome} |")
