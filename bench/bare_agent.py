"""The reference: a bare Faust agent that forwards each event and awaits its acknowledgement.

``python -m bench.bare_agent HOME SOURCE TARGET [--stock | --dynamic]``; with ``--stock`` Faust's own
settings, else those of the station; with ``--dynamic`` without its static membership.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import faust

from yizhan.runtime.settings import Settings

TUNED: dict[str, Any] = {
    "broker_session_timeout": 6.0,
    "broker_heartbeat_interval": 1.0,
    "broker_rebalance_timeout": 10.0,
    "broker_commit_interval": 0.5,
    "consumer_group_instance_id": "bare-0",
}


def main() -> None:
    """Forward until asked to stop."""
    home, source_name, target_name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    connection = Settings.load(home).connection("admin")
    context = connection.ssl_context()
    stock = "--stock" in sys.argv
    tuned = {name: value for name, value in TUNED.items() if "--dynamic" not in sys.argv or "instance" not in name}
    app = faust.App(
        "bench" + "".join(word for word in sys.argv if word.startswith("--")),
        broker=[f"kafka://{server}" for server in connection.servers],
        broker_credentials=faust.SSLCredentials(context) if context else None,
        store="memory://",
        datadir=str(home / "bench-bare"),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        producer_acks=-1,
        **({} if stock else tuned),
    )
    raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
    source, target = app.topic(source_name, **raw), app.topic(target_name, **raw)

    @app.agent(source)
    async def forward(stream: Any) -> None:  # noqa: ANN401 -- Faust declares less than it has
        async for event in stream.events():
            await (await target.send(key=event.key, value=event.value))

    faust.Worker(app, loglevel="info", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
