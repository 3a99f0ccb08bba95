"""The bell: calls a county's officers when nobody looks at the screen.

Law 2: it rings only for what the inbox has stored: verified items, the station's signed steps.
Law 4: a step of a ladder is one row a rung, planned once; what was recorded as delivered never rings again.

``settings`` reads ``bell.toml``; ``planning`` decides what is to ring, by the station's statements or the county's own
clock; ``ring_store`` stores the rings; ``message`` writes as much as a channel may carry; ``channels`` send it, and
``consoles`` wait for a page of the web desk; ``delivery`` takes a ring through the channels and up the ladder;
``ringer`` runs all of it on a separate thread.
"""
