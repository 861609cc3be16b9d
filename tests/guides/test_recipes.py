"""The recipes among the examples as real processes: broadcasts, shards, a leader, and clients fed by a watcher."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from peerdisco.testing import LocalCluster
from tests.support.examples import EXAMPLES, FULL_NAME, IPS, environment, free_port, next_line, request, running
from tests.support.memcached import memcached

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has 127.0.0.2 and its like without setup")

OUTSIDE = "10.9.9.9"


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A Service with Pods that can be reached from here."""
    with LocalCluster() as cluster:
        cluster.headless("test-cs-svc", IPS, publish_not_ready_addresses=True)
        yield cluster


@pytest.fixture
def port() -> int:
    """A port that is free on every replica's address."""
    return free_port(IPS)


def test_broadcasts(cluster: LocalCluster, port: int) -> None:
    """The httpx example tells and the aiohttp one asks every replica, and both name the one that is not there."""
    with ExitStack() as stack:
        for ip in IPS[1:]:
            replica = stack.enter_context(running("statefulset_replica.py", env=environment(cluster, ip, port)))
            next_line(replica)
        with running("broadcast_httpx.py", "user:42/ü", env=environment(cluster, IPS[0], port)) as shot:
            assert (*shot.communicate(), shot.returncode) == ("told: 127.0.0.3 127.0.0.4\n", "", 0)
        with running("broadcast_aiohttp.py", env=environment(cluster, IPS[0], port)) as shot:
            out, err = shot.communicate()
            assert out == "127.0.0.3: user%3A42%2F%C3%BC\n127.0.0.4: user%3A42%2F%C3%BC\n"
            assert (err, shot.returncode) == ("", 0)
        for example, failure in [("broadcast_httpx.py", "was not told"), ("broadcast_aiohttp.py", "did not answer")]:
            with running(example, "key", env=environment(cluster, IPS[1], port)) as shot:
                out, err = shot.communicate()
                assert "127.0.0.4" in out
                assert err.startswith(f"127.0.0.2 {failure}: ")
                assert shot.returncode == 1


@pytest.mark.parametrize("example", ["broadcast_httpx.py", "broadcast_aiohttp.py", "sharding.py", "leader_hint.py"])
def test_a_bad_setting_is_said_in_the_librarys_words(example: str, cluster: LocalCluster) -> None:
    """The error names the variable, and no traceback hides it."""
    with running(example, "key", env=environment(cluster, IPS[0], 80) | {"PEERDISCO_REFRESH": "soon"}) as shot:
        out, err = shot.communicate()

    assert (out, shot.returncode) == ("", 1)
    assert "PEERDISCO_REFRESH" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("example", ["broadcast_httpx.py", "broadcast_aiohttp.py"])
def test_a_failed_lookup_is_not_nobody(example: str, cluster: LocalCluster, port: int) -> None:
    """If DNS fails, a broadcast says so and exits with 1."""
    cluster.fail("servfail")
    settings = environment(cluster, IPS[0], port) | {"PEERDISCO_TIMEOUT": "0.3"}
    with running(example, "key", env=settings) as shot:
        _, err = shot.communicate()

    assert shot.returncode == 1
    assert "servfail" in err.lower()


def test_late_joiners(cluster: LocalCluster, port: int) -> None:
    """An invalidation reaches the replica that is there, and the one that comes later."""
    cluster.headless("test-cs-svc", IPS[:2])
    with ExitStack() as stack:
        replicas = []
        for ip in IPS:
            replicas.append(stack.enter_context(running("late_joiners.py", env=environment(cluster, ip, port))))
            assert next_line(replicas[-1]) == "serving\n"
            if ip == IPS[1]:
                assert request("POST", IPS[0], port, "/invalidate/user:42") == (200, "")
                assert [next_line(process) for process in replicas] == ["dropped user:42\n"] * 2
        cluster.headless("test-cs-svc", IPS)
        assert next_line(replicas[2]) == "dropped user:42\n"

    assert [process.returncode for process in replicas] == [0, 0, 0]


def test_sharding(cluster: LocalCluster, port: int) -> None:
    """Each job has one owner, and those of a replica that leaves go to the others; it keeps none."""
    jobs = [f"job-{number}" for number in range(12)]
    with ExitStack() as stack:
        replicas = [
            stack.enter_context(running("sharding.py", *jobs, env=environment(cluster, ip, port) | {"REPLICAS": "3"}))
            for ip in IPS
        ]
        first = [next_line(process).split()[1:] for process in replicas]
        assert sorted(job for share in first for job in share) == sorted(jobs)
        assert all(first)

        cluster.headless("test-cs-svc", IPS[:2])
        gained = {*next_line(replicas[0]).split()[1:], *next_line(replicas[1]).split()[1:]}
        assert gained == {*jobs}
        assert next_line(replicas[2]) == "mine:\n"

    assert [process.returncode for process in replicas] == [0, 0, 0]


def test_leader_hint(cluster: LocalCluster, port: int) -> None:
    """All replicas name the same leader, and the next one once it has left the list; so does the one that left."""
    with ExitStack() as stack:
        replicas = [
            stack.enter_context(running("leader_hint.py", env=environment(cluster, ip, port) | {"REPLICAS": "3"}))
            for ip in IPS
        ]
        other = "leader: 127.0.0.2\n"
        assert [next_line(process) for process in replicas] == ["leader: 127.0.0.2 (this Pod)\n", other, other]
        cluster.headless("test-cs-svc", IPS[1:])
        assert next_line(replicas[1]) == "leader: 127.0.0.3 (this Pod)\n"
        assert [next_line(replicas[n]) for n in (0, 2)] == ["leader: 127.0.0.3\n"] * 2


def test_memcached_ring(cluster: LocalCluster, port: int) -> None:
    """Keys are spread over the servers that are listed, and none goes to one that has left."""
    cluster.headless("test-cs-svc", IPS[:2])
    with ExitStack() as stack:
        servers = [stack.enter_context(memcached(ip, port)) for ip in IPS[:2]]
        ring = stack.enter_context(running("memcached_ring.py", env=environment(cluster, OUTSIDE, port), stdin=True))

        def stored(key: str) -> str:
            assert ring.stdin is not None
            ring.stdin.write(f"{key} of-{key}\n")
            ring.stdin.flush()
            return next_line(ring)

        assert [stored(f"key-{n}") for n in range(20)] == [f"key-{n} of-key-{n}\n" for n in range(20)]
        assert all(server.stored for server in servers)
        assert sum(len(server.stored) for server in servers) == 20

        gone = next(n for n in range(20) if f"key-{n}".encode() in servers[1].stored)
        cluster.headless("test-cs-svc", IPS[:1])
        for _ in range(10_000):  # until the watcher has seen it
            assert stored(f"key-{gone}") == f"key-{gone} of-key-{gone}\n"
            if f"key-{gone}".encode() in servers[0].stored:
                break
        else:
            pytest.fail("the ring never followed")
        ring.communicate()
        assert ring.returncode == 0


def test_grpc_channels(cluster: LocalCluster, port: int) -> None:
    """Each replica reaches each other by its own channel, and a channel goes with its peer."""
    with ExitStack() as stack:
        replicas = [stack.enter_context(running("grpc_channels.py", env=environment(cluster, ip, port))) for ip in IPS]
        assert next_line(replicas[0]) == "answered: 127.0.0.3 to 127.0.0.2 127.0.0.4 to 127.0.0.2\n"
        cluster.headless("test-cs-svc", IPS[:2])
        assert next_line(replicas[0]) == "answered: 127.0.0.3 to 127.0.0.2\n"
        for process in replicas[1:]:
            next_line(process)

    assert [process.returncode for process in replicas] == [0, 0, 0]


def test_wait_for_service(cluster: LocalCluster, port: int) -> None:
    """An init container ends once enough Pods of the other Service are listed."""
    cluster.headless("test-cs-svc", IPS[:1])
    with running("wait_for_service.py", "2", "60", env=environment(cluster, OUTSIDE, port)) as waiting:
        cluster.wait_for_questions(2)  # the first answer was not enough
        assert waiting.poll() is None
        cluster.headless("test-cs-svc", IPS[:2])
        out, _ = waiting.communicate()
        assert (out, waiting.returncode) == ("ready: 127.0.0.2 127.0.0.3\n", 0)


def test_wait_for_service_gives_up(cluster: LocalCluster, port: int) -> None:
    """After its time it says what was missing, and fails, so that the kubelet starts it again."""
    with running("wait_for_service.py", "4", "0.5", env=environment(cluster, OUTSIDE, port)) as waiting:
        out, err = waiting.communicate()

    assert (out, waiting.returncode) == ("", 1)
    assert f"3 of 4 peers of {FULL_NAME} after 0.5 s" in err


def test_the_index_names_every_example() -> None:
    """examples/README.md has a row for each program."""
    index = (EXAMPLES / "README.md").read_text()

    assert [path.name for path in EXAMPLES.glob("*.py") if f"`{path.name}`" not in index] == []
