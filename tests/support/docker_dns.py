"""A DNS server that answers as the one that Docker embeds in each container (127.0.0.11).

Its laws, from moby's libnetwork/resolver.go:

- A service's name, of any letter case, has one A record for each container, in random order, with TTL 600. No AA.
- The other address family, where the name exists: NOERROR and nothing else, not even an SOA record.
- SRV of a name with fewer than three labels, any other type, and a name that is unknown go to the host's DNS servers;
  on an internal network they are SERVFAIL. Here the host's DNS says NXDOMAIN.
- PTR of a container's address is `<container>.<network>`.
"""

import random
import socket
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.reversename
import dns.rrset

TTL = 600


class DockerDns:
    """A server on a free UDP port of 127.0.0.1, in a `with` block.

    Args:
        services: the addresses of the containers, by service name; `set` changes them.
        internal: whether the network is an internal one, whose questions are not passed on.
    """

    def __init__(self, services: Mapping[str, Sequence[str]], *, internal: bool = False) -> None:
        self._services = dict(services)
        self._internal = internal
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.nameserver = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.questions: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def set(self, service: str, ips: Sequence[str]) -> None:
        """Scale a service."""
        self._services[service] = ips

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """Return the reply to a question."""
        question = query.question[0]
        self.questions.append((question.name.to_text(), dns.rdatatype.to_text(question.rdtype)))
        reply = dns.message.make_response(query, recursion_available=True)
        reply.use_edns(False)
        records = self._records(question.name, question.rdtype)
        if records is None:
            reply.set_rcode(dns.rcode.SERVFAIL if self._internal else dns.rcode.NXDOMAIN)
        elif records:
            rtype = dns.rdatatype.to_text(question.rdtype)
            reply.answer.append(dns.rrset.from_text(question.name, TTL, "IN", rtype, *records))
        return reply

    def _records(self, name: dns.name.Name, rtype: int) -> list[str] | None:
        ips = self._services.get(name.to_text(omit_final_dot=True).lower())
        if rtype == dns.rdatatype.PTR:
            for service, listed in self._services.items():
                for number, ip in enumerate(listed, 1):
                    if dns.reversename.from_address(ip) == name:
                        return [f"shop-{service}-{number}.shop_default."]
        if ips is None or rtype not in {dns.rdatatype.A, dns.rdatatype.AAAA}:
            return None
        found = [ip for ip in ips if (":" in ip) == (rtype == dns.rdatatype.AAAA)]
        return random.sample(found, len(found))

    def _serve(self) -> None:
        while True:
            packet, client = self._socket.recvfrom(65535)
            if not packet:
                return
            self._socket.sendto(self.answer(dns.message.from_wire(packet)).to_wire(), client)
