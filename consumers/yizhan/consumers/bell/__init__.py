"""The bell: how a county's people are reached when nobody looks at the screen.

Law 2: it rings for what the inbox has stored, and for nothing else: verified items, the station's signed steps.
Law 4: a step of a ladder is one row a rung, planned once; what was recorded as delivered never rings again.

``settings`` reads ``bell.toml``; ``planning`` says what is to ring, by the station's word or the county's own
clock; ``book`` keeps what rang; ``speech`` writes as much as a channel may carry; ``channels`` send it;
``ringer`` does all of it beside the inbox, which never waits for it.
"""
