import pytest

from auditlog_tui.entries.actions import (
    activity,
    creates,
    danger,
    deletes,
    is_identity,
    is_resource,
    outcome,
    severity,
)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("vm.created", "create"), ("vm.read", "read"), ("vms.listed", "read"), ("vm.updated", "update"),
        ("vm.deleted", "delete"), ("vm.force-deleted", "delete"), ("DELETE", "delete"), ("vm.restarted", "other"),
        ("vm.created_or_updated", "other"), ("", None), (None, None),
    ],
)  # fmt: skip
def test_an_activity_goes_by_the_verb(action: str | None, expected: str | None) -> None:
    assert activity(action) == expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("vm.read", "read"), ("vm.listed", "read"), ("vm.created", "change"), ("vm.deleted", "destroy"),
        ("api_key.revoked", "destroy"), ("volume.DETACHED", "destroy"), ("vm.force_deleted", "destroy"),
        ("vm.bulk-removed", "destroy"), ("delete.undone", "change"), ("vm.read_only_set", "change"),
        ("deleted", "destroy"), ("vm.", "change"), ("", "change"), (None, "change"), ("vm.undeleted", "change"),
        ("api_key.created", "access"), ("iam.API-Key.rotated", "access"), ("user.updated", "access"),
        ("role.granted", "access"), ("user.logged_in", "change"), ("api_key.read", "read"),
        ("firewall_rule.updated", "network"), ("firewall_policy.created", "network"),
        ("firewall_rule.deleted", "destroy"), ("monkey.created", "change"),
    ],
)  # fmt: skip
def test_a_severity_goes_by_verb_and_kind(action: str | None, expected: str) -> None:
    assert severity(action) == expected


def test_letting_somebody_in_is_the_most_dangerous() -> None:
    actions = ["vm.read", "vm.created", "firewall_rule.updated", "volume.detached", "vm.deleted", "api_key.created"]
    assert sorted(sorted(actions), key=danger) == actions


@pytest.mark.parametrize(
    ("action", "makes", "ends"),
    [
        ("vm.created", True, False), ("api_key.issued", True, False), ("vm.recreated", False, False),
        ("vm.create_failed", False, False), ("vm.deleted", False, True), ("api_key.revoked", False, True),
        ("volume.detached", False, False), ("vm.delete_failed", False, False), ("vm.undeleted", False, False),
        ("vm.created_and_deleted", False, True), ("vm.updated", False, False), (None, False, False),
    ],
)  # fmt: skip
def test_what_makes_its_target_and_what_ends_it(action: str | None, makes: bool, ends: bool) -> None:
    assert (creates(action), deletes(action)) == (makes, ends)


@pytest.mark.parametrize(
    ("kind", "action", "acts", "never_acts"),
    [
        ("api_key", None, True, False), ("user", "x.created", True, False), ("vm", "api_key.created", False, True),
        (None, "api_key.created", True, False), (None, "vm.created", False, True), ("gadget", None, False, False),
        (None, None, False, False), ("cluster_user", None, True, False),
    ],
)  # fmt: skip
def test_what_can_act_goes_by_its_type_or_else_by_the_action(
    kind: str | None, action: str | None, acts: bool, never_acts: bool
) -> None:
    assert (is_identity(kind, action), is_resource(kind, action)) == (acts, never_acts)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, "succeeded"), (299, "succeeded"), (300, "unknown"), (199, "unknown"), (400, "refused"),
        (503, "refused"), (600, "refused"), (0, "unknown"), (None, "unknown"),
    ],
)  # fmt: skip
def test_only_2xx_happened(status: int | None, expected: str) -> None:
    assert outcome(status) == expected
