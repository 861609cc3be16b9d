"""How the doctor prints a report: text for terminals and pipes, short lines, JSON."""

import io
import json

from peerdisco.cli._doctor_print import Style, render
from peerdisco.cli._doctor_report import Category, Check, FailOn, Report, fail, ok, warn
from peerdisco.cli.doctor import style_of

PAGE = "https://github.com/peerdisco/peerdisco/blob/main/docs/how-to/no-peers.md"
HEADLESS = Category("is it headless", (fail("not-headless", "it has a ClusterIP", "Set None."),))
WHO = Category("who is there", (fail("not-headless", "not known", "Set None."), ok("ttl", "30 s")))
ASK = Category("can I ask", (ok("udp", "it replied"), warn("no-tcp", "TCP is blocked", "Open it.")))


def report(*categories: Category, fail_on: FailOn = "error") -> Report:
    """A report of these groups."""
    return Report(categories, fail_on)


def test_text() -> None:
    """A line for each check, the hint of each code once, and a summary."""
    assert render(report(ASK, HEADLESS, WHO), "text", Style()) == (
        "can I ask\n"
        "  ✓ it replied\n"
        "  ! TCP is blocked [no-tcp]\n"
        f"      Open it. See {PAGE}#no-tcp\n"
        "\n"
        "is it headless\n"
        "  ✗ it has a ClusterIP [not-headless]\n"
        f"      Set None. See {PAGE}#not-headless\n"
        "\n"
        "who is there\n"
        "  ✗ not known [not-headless]\n"
        "  ✓ 30 s\n"
        "\n"
        "not healthy; failed: not-headless; warnings: no-tcp"
    )


def test_summaries() -> None:
    """The last line says whether all is well, and which codes are not."""
    good = Category("me", (ok("self-listed", "listed"),))

    assert render(report(good), "text", Style()).endswith("\nhealthy")
    assert render(report(ASK), "text", Style()).endswith("\nhealthy; warnings: no-tcp")
    assert render(report(ASK, fail_on="warning"), "text", Style()).endswith("\nnot healthy; warnings: no-tcp")


def test_short() -> None:
    """A line for each problem with its code in front, nothing where all is well."""
    assert render(report(ASK, HEADLESS), "short", Style()) == (
        "! no-tcp: TCP is blocked\n✗ not-headless: it has a ClusterIP"
    )
    assert render(report(), "short", Style()) == ""


def test_json() -> None:
    """JSON has every check with its four fields, and no others."""
    assert json.loads(render(report(ASK, WHO), "json", Style(colour=True, width=20))) == {
        "success": False,
        "categories": [
            {
                "name": "can I ask",
                "checks": [
                    {"code": "udp", "result": "success", "description": "it replied", "hint": ""},
                    {
                        "code": "no-tcp",
                        "result": "warning",
                        "description": "TCP is blocked",
                        "hint": f"Open it. See {PAGE}#no-tcp",
                    },
                ],
            },
            {
                "name": "who is there",
                "checks": [
                    {
                        "code": "not-headless",
                        "result": "error",
                        "description": "not known",
                        "hint": f"Set None. See {PAGE}#not-headless",
                    },
                    {"code": "ttl", "result": "success", "description": "30 s", "hint": ""},
                ],
            },
        ],
    }


def test_success_follows_what_is_to_fail() -> None:
    """A warning is healthy unless warnings are to fail."""
    assert report(ASK).to_dict()["success"] is True
    assert report(ASK, fail_on="warning").to_dict()["success"] is False


def test_colour() -> None:
    """On a terminal, signs are coloured and lines are wrapped below their text."""
    wide = Category("me", (Check("ttl", "success", "a text of some more words"),))
    red = render(report(HEADLESS), "text", Style(colour=True))

    assert "\033[31m✗\033[0m it has a ClusterIP" in red
    assert render(report(wide), "text", Style(width=24)).splitlines()[1:3] == ["  ✓ a text of some more", "    words"]


def test_ascii() -> None:
    """Where the encoding has no such signs, there are others."""
    for encoding in ("ascii", "no-such-encoding"):
        assert render(report(HEADLESS), "short", Style(encoding=encoding)).startswith("x not-headless")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Whether it is one."""
        return True


def test_what_a_stream_can_show() -> None:
    """A terminal has colour and a width, unless the environment is against colour; a pipe has neither."""
    assert style_of(io.StringIO(), {"TERM": "xterm"}) == Style()
    shown = style_of(Terminal(), {"TERM": "xterm"})
    assert shown.colour
    assert shown.width is not None
    assert not style_of(Terminal(), {"NO_COLOR": "1"}).colour
    assert not style_of(Terminal(), {"TERM": "dumb"}).colour
