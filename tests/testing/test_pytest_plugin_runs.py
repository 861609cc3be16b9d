"""The pytest plugin: errors as its users see them, and other plugins beside it."""

import re
from pathlib import Path

from tests.support.plugin_runs import TEST, Run, passes, run

__all__ = ["run"]

pytest_plugins = ["pytester"]


def test_an_undeclared_service(run: Run) -> None:
    """A test that passes though it looked up what is not declared ends in an error that names it."""
    result = run(
        TEST
        + """
    @pytest.mark.peerdisco({"web": ["10.0.0.1"]})
    def test_swallowed():
        try:
            discover_peers("wbe")
        except Exception:
            pass

    @pytest.mark.peerdisco({"web": ["10.0.0.1"]})
    def test_in_a_thread(peerdisco_fake):
        with PeerWatcher("api"):
            peerdisco_fake.clock.advance(0)
    """
    )
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(
        [
            "E*UndeclaredService: looked up but not declared: wbe.default.svc.cluster.local.; declared: web.default.*",
            "E*UndeclaredService: looked up but not declared: api.default.svc.cluster.local.; declared: web.default.*",
        ]
    )


def test_an_undeclared_service_is_told_of_once(run: Run) -> None:
    """A test, or its setup, that fails for it fails once; what its error does not name is still raised at the end."""
    result = run(
        TEST
        + """
    pytestmark = pytest.mark.peerdisco({"web": ["10.0.0.1"]})

    @pytest.fixture
    def app():
        return discover_peers("of-app")

    def test_setup(app):
        pass

    def test_call():
        discover_peers("of-call")

    def test_two():
        with pytest.raises(AssertionError):
            discover_peers("of-one")
        discover_peers("of-two")

    def test_another_error():
        with pytest.raises(AssertionError):
            discover_peers("of-zero")
        _ = 1 // 0

    @pytest.mark.xfail(strict=True)
    def test_expected_to_fail():
        discover_peers("of-xfail")

    def test_skipped():
        with pytest.raises(AssertionError):
            discover_peers("of-skipped")
        pytest.skip()
    """,
        "-rExX",
        "--tb=line",
    )
    # The error of the fake of an xfail test is expected as well.
    result.assert_outcomes(failed=3, errors=4, xfailed=2, skipped=1)
    told = [line for line in result.outlines if line.startswith("E  ") and "not declared" in line]
    for service, times in {"app": 1, "call": 1, "one": 1, "two": 1, "zero": 1, "skipped": 1}.items():
        assert sum(f"declared: of-{service}." in line for line in told) == times


BAD = {
    'onw="10.0.0.1"': "unknown argument 'onw'; there are services, own, namespace, cluster_domain, missing",
    '{}, "10.0.0.1"': "takes the Services as one mapping, and the rest by keyword, not 2 arguments",
    "{}, services={}": "takes the Services as one mapping, and the rest by keyword, not 2 arguments",
    '["web"]': "services=['web']: must map each Service to its Pods",
    '{"web": ["10.0.0.300"]}': "*10.0.0.300*",
    '{"no name": []}': "service='no name': *",
    '{"web": None}': "None is neither Pods nor a reason to fail",
    '{}, own="me"': "own='me': *",
    "{}, own=5": "own=5: *",
    '{}, namespace="a b"': "namespace='a b': *",
    '{}, cluster_domain=""': "cluster_domain='': *",
    '{}, missing="ignore"': "missing='ignore': must be one of 'error', 'nxdomain'",
}
NOT_OF_THE_CLUSTER = ["web.other.example", "a.b.c.svc.cluster.local"]


def test_bad_markers(run: Run) -> None:
    """What a marker should not say is an error of the test, in one line."""
    tests = [f"@pytest.mark.peerdisco({arguments})\ndef test_{n}(): pass" for n, arguments in enumerate(BAD)]
    result = run("\n".join(["import pytest", *tests]))

    result.assert_outcomes(errors=len(BAD))
    for message in BAD.values():
        result.stdout.fnmatch_lines_random([f"@pytest.mark.peerdisco: {message}".replace("[", "[[]")])
    result.stdout.no_fnmatch_line("During handling of *")


def test_a_service_of_no_cluster(run: Run) -> None:
    """A cluster has Services in its own domain, and nothing else."""
    tests = [
        f"@pytest.mark.peerdisco({{{service!r}: []}})\ndef test_{n}(peerdisco_cluster): pass"
        for n, service in enumerate(NOT_OF_THE_CLUSTER)
    ]
    result = run("\n".join(["import pytest", *tests]))

    result.assert_outcomes(errors=len(NOT_OF_THE_CLUSTER))
    for service in NOT_OF_THE_CLUSTER:
        message = f"@pytest.mark.peerdisco: services: {service!r} is not a Service of the cluster domain *"
        result.stdout.fnmatch_lines_random([message])


ASYNC = (
    TEST
    + """
    from peerdisco import AsyncPeerWatcher

    @pytest.mark.asyncio
    @pytest.mark.peerdisco({"web": ["10.0.0.1"]})
    async def test_a_watcher(peerdisco_fake):
        async with AsyncPeerWatcher("web") as watcher:
            await peerdisco_fake.clock.aadvance(0)
            assert watcher.peers.ips == ("10.0.0.1",)
            peerdisco_fake["web"] = ["10.0.0.1", "10.0.0.2"]
            await peerdisco_fake.clock.aadvance(600)
            assert watcher.peers.ips == ("10.0.0.1", "10.0.0.2")
            assert watcher.status.lookups > 100

    @pytest.mark.asyncio
    @pytest.mark.peerdisco({"web": ["10.0.0.1", "10.0.0.2"]})
    async def test_packets(peerdisco_cluster):
        assert len(await adiscover_peers("web")) == 2
        assert len(await asyncio.to_thread(discover_peers, "web")) == 2

    @pytest.mark.asyncio
    @pytest.mark.peerdisco({"web": ["10.0.0.1", "10.0.0.2"]})
    async def test_the_marker_alone():
        assert len(await adiscover_peers("web")) == 2
"""
)


def test_with_pytest_asyncio(run: Run) -> None:
    """Coroutine tests have the same fixtures."""
    passes(run(ASYNC, "-oasyncio_default_fixture_loop_scope=function", plugins=("asyncio",)), 3)


def test_with_pytest_xdist(run: Run) -> None:
    """Workers have the same fixtures; an undeclared Service is reported from there."""
    result = run(
        TEST
        + """
    @pytest.mark.peerdisco({"web": ["10.0.0.1"]})
    @pytest.mark.parametrize("number", range(4))
    def test_fake(number):
        assert discover_peers("web").ips == ("10.0.0.1",)

    @pytest.mark.peerdisco({"web": ["10.0.0.1", "10.0.0.2"]})
    @pytest.mark.parametrize("number", range(4))
    def test_cluster(peerdisco_cluster, number):
        assert len(discover_peers("web")) == 2

    def test_undeclared(peerdisco_fake):
        discover_peers("web")
    """,
        "-n2",
        plugins=("xdist",),
    )
    result.assert_outcomes(passed=8, failed=1)
    result.stdout.fnmatch_lines(["*UndeclaredService: looked up but not declared: web.default.svc.cluster.local.*"])


def test_what_pytest_tells_of_it(run: Run) -> None:
    """The marker and the fixtures are described where one looks for them."""
    run("", "--markers").stdout.fnmatch_lines(["@pytest.mark.peerdisco(services, *, own=(), *): declare Services, *"])
    run("", "--fixtures").stdout.fnmatch_lines(
        ["peerdisco_fake -- *_pytest_plugin.py*", "*A strict `FakeResolver`*", "peerdisco_cluster -- *"]
    )


def test_the_example_of_the_documentation(run: Run) -> None:
    """The tests that the how-to shows pass, as they stand."""
    page = (Path(__file__).parents[2] / "docs/how-to/testing.md").read_text("utf-8")
    (example,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "pytest.mark" in block)

    passes(run(example), 3)
