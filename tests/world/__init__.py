"""The world that tests are played in: counties, a station, a charter and a ledger, in memory or on a real broker.

No mocks: everything here is the real code with real keys. In memory only Kafka and the clock are left out.

========== =====================================================================================
simulator  counties with keys from seeds, a station's key, a charter; makes headers, events, postmarks
clock      a clock that stands until it is moved
sender     one county's outbox, and the answers of everybody else
receiver   one county's inbox, and the station's pen to write to it
station    the station's core between counties whose commands are run by hand; FIRE, a draft
ledger     the simulator with a ledger and cosigners
ceremony   charters signed by every member, good and bad ones
forge      envelopes that no honest sender writes
phones     HTTP servers that take what a bell sends
command    the command line in this process
processes  commands as processes of their own
cluster    a real broker with mutual TLS and access rules
alliance   keys and charter on that broker, and a station as a process
waiting    ``until``: how a test waits
========== =====================================================================================

The simulator in use:

>>> from tests.world.simulator import QINGYUAN, SHOUNING, World
>>> world = World()
>>> event = world.event(SHOUNING, (QINGYUAN,), stage="first")  # a fire at the border, sealed and signed
>>> admitted = world.admit(event)  # what the station makes of it
>>> admitted.decisions[QINGYUAN].rule
'fire'
>>> from yizhan.schemas.postmark import Postmark
>>> from yizhan.schemas.statements import read_dated
>>> postmark, _when, _charter = read_dated(Postmark, world.postmark(event), world.charters)
>>> postmark.id == admitted.header.id
True
"""
