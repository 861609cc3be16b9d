"""The pytest plugin: what its fixtures and its marker give a test."""

import subprocess
import sys

from tests.support.plugin_runs import TEST, Run, passes, run

__all__ = ["run"]

pytest_plugins = ["pytester"]


def test_nothing_is_imported_before_a_fixture_is_used(run: Run) -> None:
    """A run that uses none of it loads nothing of peerdisco, though the plugin is there."""
    result = run(
        """
        import sys

        def ours():
            return [name for name in sys.modules if name.partition(".")[0] == "peerdisco"]

        def test_unused(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("peerdisco")
            assert sorted(ours()) == ["peerdisco", "peerdisco._pytest_plugin", "peerdisco._version"]

        def test_used(request):
            request.getfixturevalue("peerdisco_fake")
            assert "peerdisco.testing" in ours()
        """
    )
    passes(result, 2)


def test_the_plugin_module_is_light() -> None:
    """What pytest loads imports pytest, and nothing of peerdisco but the package itself, which loads nothing."""
    program = (
        "import sys, pytest; before = {*sys.modules}; import peerdisco._pytest_plugin; print(*{*sys.modules} - before)"
    )
    done = subprocess.run(  # noqa: S603 - our own program, by this interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.split()) == ["peerdisco", "peerdisco._pytest_plugin", "peerdisco._version"]


def test_the_fake(run: Run) -> None:
    """It is the default in every thread, on a clock of its own, and ends with its test."""
    result = run(
        TEST
        + """
    pool = ThreadPoolExecutor(1)
    pool.submit(int).result()

    @pytest.mark.peerdisco({"web": ["10.0.0.1", "10.0.0.2"]}, own="10.0.0.1")
    def test_declared(peerdisco_fake):
        assert isinstance(peerdisco_fake, FakeResolver)
        assert discover_peers("web").ips == ("10.0.0.2",)
        assert pool.submit(discover_peers, "web").result().ips == ("10.0.0.2",)
        assert asyncio.run(adiscover_peers("web", nameservers="192.0.2.1")).ips == ("10.0.0.2",)

    def test_declares_for_itself(peerdisco_fake):
        peerdisco_fake["api.prod"] = ["10.0.0.3"]
        assert discover_peers("api.prod").ips == ("10.0.0.3",)

    @pytest.mark.peerdisco({"web": ["10.0.0.1"]})
    def test_the_clock(peerdisco_fake):
        with PeerWatcher("web") as watcher:
            peerdisco_fake.clock.advance(0)
            assert watcher.peers.ips == ("10.0.0.1",)
            peerdisco_fake["web"] = ["10.0.0.2"]
            peerdisco_fake.clock.advance(60)
            assert watcher.peers.ips == ("10.0.0.2",)

    def test_it_has_ended():
        from peerdisco.resolvers import default_resolver
        assert default_resolver.get() is None
        assert pool.submit(default_resolver.get).result() is None
    """
    )
    passes(result, 4)


def test_the_marker(run: Run) -> None:
    """It is enough by itself, the nearest one wins, and every argument counts."""
    result = run(
        TEST
        + """
    pytestmark = pytest.mark.peerdisco({"web": ["10.0.0.1"], "api": ["10.0.1.1"]}, own="10.0.0.1")

    @pytest.fixture(scope="session")
    def of_the_session():
        return "anything"

    @pytest.fixture
    def app(of_the_session):
        return discover_peers("api").ips

    def test_alone(app):
        assert app == ("10.0.1.1",)

    @pytest.mark.parametrize("port", [80, 81])
    def test_parametrized(port, app):
        assert [peer.port for peer in discover_peers("api", port=port)] == [port]

    @pytest.mark.peerdisco({"web": ["10.0.0.1", "10.0.0.2"]})
    class TestClass:
        def test_a_class(self):
            assert discover_peers("web").ips == ("10.0.0.2",)

        @pytest.mark.peerdisco(own=["10.0.0.2"])
        def test_nearer(self, peerdisco_fake):
            assert discover_peers("web").ips == ("10.0.0.1",)
            assert discover_peers("api").ips == ("10.0.1.1",)

    @pytest.mark.peerdisco(services={}, namespace="prod", cluster_domain="k8s.example", missing="nxdomain")
    def test_options():
        peers = discover_peers("no-such")
        assert (peers.service, len(peers)) == ("no-such.prod.svc.k8s.example.", 0)

    @pytest.mark.peerdisco({"web": "servfail"})
    def test_states(peerdisco_fake):
        with pytest.raises(Exception, match="servfail"):
            discover_peers("web")
    """
    )
    passes(result, 7)


def test_the_cluster(run: Run) -> None:
    """Its nameserver is the default in every thread; it has the marker's Services and this Pod's addresses."""
    result = run(
        TEST
        + """
    from peerdisco import DnsResolver
    from peerdisco.testing import Pod

    @pytest.mark.peerdisco({"web": ["10.0.0.1", Pod("10.0.0.2", "web-1")], "api.prod": ["10.0.1.1"]}, own="10.0.0.1")
    def test_declared(peerdisco_cluster):
        assert isinstance(peerdisco_cluster, LocalCluster)
        assert discover_peers("web").ips == ("10.0.0.2",)
        with ThreadPoolExecutor() as pool:
            assert pool.submit(discover_peers, "api.prod.svc.cluster.local").result().ips == ("10.0.1.1",)
        assert len(peerdisco_cluster.questions) >= 2

    @pytest.mark.peerdisco(namespace="prod", cluster_domain="k8s.example")
    def test_declares_for_itself(peerdisco_cluster):
        peerdisco_cluster.headless("web", ["10.0.0.1", "10.0.0.2"])
        assert discover_peers("web").service == "web.prod.svc.k8s.example."
        assert len(discover_peers("web")) == 2

    @pytest.mark.peerdisco({"web": ["10.0.0.1", "10.0.0.2"]})
    def test_both(peerdisco_cluster, peerdisco_fake):
        peerdisco_cluster.headless("web", ["10.0.0.3", "10.0.0.4"])
        assert discover_peers("web").ips == ("10.0.0.1", "10.0.0.2")
        with DnsResolver(peerdisco_cluster.nameserver) as resolver:
            peers = discover_peers("web", resolver=resolver, namespace="default", own_ips="10.9.9.9")
        assert peers.ips == ("10.0.0.3", "10.0.0.4")

    def test_it_has_ended():
        from peerdisco.resolvers import default_resolver
        assert default_resolver.get() is None
    """
    )
    passes(result, 4)
