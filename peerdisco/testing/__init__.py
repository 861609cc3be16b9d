"""For the tests of applications: a scripted resolver, a clock that the test moves, a cluster's DNS on 127.0.0.1.

```python
from peerdisco import discover_peers
from peerdisco.testing import FakeResolver

fake = FakeResolver({"test-cs-svc": ["10.0.0.1", "10.0.0.2"]}, own="10.0.0.1")
assert discover_peers("test-cs-svc", resolver=fake).ips == ("10.0.0.2",)
```
"""

from peerdisco.testing._coredns.services import Pod
from peerdisco.testing.clock import FakeClock
from peerdisco.testing.cluster import LocalCluster
from peerdisco.testing.fake import FakeResolver, UndeclaredService

__all__ = ["FakeClock", "FakeResolver", "LocalCluster", "Pod", "UndeclaredService"]
