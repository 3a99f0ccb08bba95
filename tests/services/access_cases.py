"""The public functions of ``yizhan.services`` that write no access entry, and why: see ``test_access_log``."""

from __future__ import annotations

GIVEN: dict[str, str] = {
    "attachments.attach_files": "an outbox that the caller opened",
    "broker.apply_declaration": "asks Kafka, and no store of a county",
    "broker.broker_status": "asks Kafka, and no store of a county",
    "broker.run_broker": "asks Kafka, and no store of a county",
    "broker.start_broker": "asks Kafka, and no store of a county",
    "broker.stop_broker": "asks Kafka, and no store of a county",
    "bulletins.draft": "what read_material read",
    "bulletins.received_bulletin": "an inbox that the caller opened",
    "bulletins.sent_bulletin": "an outbox that the caller opened",
    "bulletins.read_material": "called by the services that write the access log",
    "inbox.find_item": "called by the services that write the access log",
    "matter_events.matter_event": "stores that the caller opened",
    "own_obligations.consultation_decisions": "stores that the caller opened",
    "own_obligations.own_obligation_counts": "stores that the caller opened",
    "own_obligations.own_obligations": "stores that the caller opened",
    "quarters.quarter_figures": "what read_quarter read",
    "quarters.read_quarter": "stores that the caller opened",
    "receiving.open_receiver": "Receiver.run passes content through AlarmFeed, which writes the access log",
    "stores.open_inbox": "opens a store; services write the access log",
    "stores.read_inbox": "opens a store; services write the access log",
    "stores.open_outbox": "opens a store; services write the access log",
    "stores.read_outbox": "opens a store; services write the access log",
    "stores.scratch_outbox": "opens a copy of the county's own events",
}
"""Functions that work on what their caller opened: the caller, a service too, writes the access log."""

NO_CONTENT: dict[str, tuple[str, ...]] = {
    "audit": (
        "explain_event", "export_log", "find_problems", "gather", "newest_checkpoint", "reconcile_counties",
        "report_quarter", "require_final", "verify_log",
    ),
    "books": ("book_lines", "export_book", "people_of", "read_books"),
    "charter": ("public_folder", "published", "reader_folder", "role_keys", "roles_folder"),
    "charter_ceremony": (
        "draft_first", "draft_next", "draft_status", "make_request", "newest_reader", "open_draft", "publish_draft",
        "sign_draft",
    ),
    "charter_reading": (
        "charter_reader", "charter_terms", "charter_versions", "headers_of_county", "headers_of_file",
        "replay_policy", "verify_charter",
    ),
    "contract": ("json_schema", "json_schemas"),
    "key_admin": ("destroy_key", "generate_keys", "own_keys", "retired_key"),
    "ledger": (
        "cosigner_path", "cosigning_key_source", "ledger_folder", "ledger_key_source", "open_cosigner",
        "open_statements",
    ),
    "ledger_running": ("known_checkpoints", "opened_cosigning", "opened_ledger", "rebuild_ledger", "refill_from_topic"),
    "ledger_status": ("cosigner_status", "ledger_status", "settle_evidence"),
    "proofs": ("check_proof", "prove_event", "require_final"),
    "alarms": ("is_for_people",),
    "quarter_closing": ("close_quarters",),
    "replies": ("last_drafter", "send_reply"),
    "reportable": ("reportable_hotspots",),
    "station": ("run_station", "station_charters"),
    "access_log": ("access_log_path", "record", "record_if_possible"),
    "actor": ("named_officer", "process_account"),
    "attachments": ("total_bytes",),
    "bell": (
        "bell_path", "bell_status", "ladder", "list_rings", "make_ringer", "read_bell", "send_test_messages",
        "write_sample",
    ),
    "bulletins": ("read_text", "text_path", "write_text"),
    "digests": ("list_digests",),
    "doubts": ("sender_of",),
    "drafts": (
        "begin_draft", "check_draft", "find_draft", "form_context", "judge_draft", "member_names", "missing_fields",
        "send_draft",
    ),
    "envelopes": ("is_envelope", "judge_envelope", "seal_envelope", "unverified_attributes"),
    "files": ("write_new",),
    "hotspots": ("read_hotspots", "send_hotspots"),
    "inbox": ("list_aside",),
    "keys": (
        "cosigner", "key_files", "key_status", "ledger_keys", "load_key", "sealing_keys", "signer", "station_keys",
    ),
    "labels": (
        "arrival", "doubt_sentence", "error_sentence", "reason_name", "refusal", "stage_name", "state_name", "type_of",
        "way_name",
    ),
    "matters": ("countersign", "link_threads"),
    "obligations": (
        "asks_receipt", "counties_with_inbox", "discharge_action", "discharging_types", "needs_telephone",
        "rule_action",
    ),
    "outbox": ("list_events", "list_waiting_files", "sending_trouble"),
    "office": ("read_office",),
    "outlines": ("outlines_geojson", "outlines_of", "read_outlines"),
    "publishing": ("explain", "publish"),
    "quarantine": ("list_quarantine",),
    "quarters": ("figures_bytes", "partner_of"),
    "retention": ("destroy_content", "list_due"),
    "sample": ("make_sample",),
    "sample_files": ("write_samples",),
    "sending": ("open_sender",),
    "tables": ("check_free", "import_table", "read_table", "write_rejects", "write_template"),
    "stores": ("drafts_path", "inbox_path", "open_drafts", "outbox_path", "read_drafts"),
}  # fmt: skip
"""Module → functions that return no content of a partner. Those that need no more than a county are called."""
