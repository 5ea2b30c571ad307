"""Every error that the product expects. Anything else that is raised is a bug: logged, and shown as a reference only.

PilothouseError
|- UserError                the asker can mend it; shown as it stands: what, why, next step
|  |- BadArguments          |- UnknownName (app, env, command, operation...)
|  |- NotPermitted          |- NotEnrolled
|  |- Locked                |- Frozen          |- TargetBusy
|  |- QuotaExceeded         |- CapExceeded     |- Preflight
|  |- PlanChanged           |- ApprovalExpired |- NotNow
|  `- PolicyBroken          `- SettingsBroken
`- IntegrationError(system) the outside world
   |- Unavailable           no answer, too late, 429, 5xx: `retry_after`
   |  `- Unsent             of a write: the request certainly never left
   |- Refused               401, 403, admission, quota: asking again changes nothing
   |- Missing               it is not there (any more)
   `- Conflict              a precondition did not hold
"""

from __future__ import annotations

from datetime import timedelta

from bot.domain.refs import Principal
from bot.domain.reply import Button, Text


class PilothouseError(Exception):
    """`what` and `why` are sentences, `next` the way on. `code` is stable: it stands in audit records and tests."""

    code = "error"

    def __init__(
        self, what: Text, *, why: Text | None = None, next: Text | None = None, buttons: tuple[Button, ...] = ()
    ) -> None:
        super().__init__(what.plain())
        self.what = what
        self.why = why
        self.next = next
        self.buttons = buttons
        """Ways on that can be clicked: nearest names run the rest of the typed command."""


class UserError(PilothouseError):
    code = "user-error"


class BadArguments(UserError):
    code = "bad-arguments"

    def __init__(
        self, what: Text, *, field: str = "", next: Text | None = None, buttons: tuple[Button, ...] = ()
    ) -> None:
        super().__init__(what, next=next, buttons=buttons)
        self.field = field
        """The parameter it is about, so that a form shows it beside its field; empty where it is about the whole."""


class UnknownName(UserError):
    """An app, env, command, version or operation that does not exist; `nearest` are close ones, best first."""

    code = "unknown-name"

    def __init__(
        self,
        what: Text,
        *,
        field: str = "",
        nearest: tuple[str, ...] = (),
        next: Text | None = None,
        buttons: tuple[Button, ...] = (),
    ) -> None:
        super().__init__(what, next=next, buttons=buttons)
        self.field = field
        self.nearest = nearest


class NotPermitted(UserError):
    code = "not-permitted"

    def __init__(
        self, what: Text, *, why: Text | None = None, next: Text | None = None, runners: tuple[Principal, ...] = ()
    ) -> None:
        super().__init__(what, why=why, next=next)
        self.runners = runners
        """Who may do it instead, and can be asked to."""


class NotEnrolled(UserError):
    """Guests, strangers, bots, people of other workspaces, and anybody whom the policy does not name."""

    code = "not-enrolled"


class PolicyBroken(UserError):
    code = "policy-broken"


class SettingsBroken(UserError):
    """While the settings have problems nothing may be changed."""

    code = "settings-broken"


class Locked(UserError):
    code = "locked"


class Frozen(UserError):
    code = "frozen"


class TargetBusy(UserError):
    code = "target-busy"


class QuotaExceeded(UserError):
    code = "quota-exceeded"


class CapExceeded(UserError):
    """Larger than the policy's blast-radius cap."""

    code = "cap-exceeded"


class Preflight(UserError):
    """The target is not in a state in which this can work (paused, rollout in progress, name taken...)."""

    code = "preflight"


class PlanChanged(UserError):
    code = "plan-changed"


class ApprovalExpired(UserError):
    code = "approval-expired"


class NotNow(UserError):
    """The operation is in a phase in which this cannot be done any more, or not yet."""

    code = "not-now"


class IntegrationError(PilothouseError):
    code = "integration-error"

    def __init__(self, system: str, what: Text, *, why: Text | None = None, next: Text | None = None) -> None:
        super().__init__(what, why=why, next=next)
        self.system = system
        """`kubernetes`, `registry`, `elasticsearch`, `prometheus`, `alertmanager`, `slack`, `database`."""


class Unavailable(IntegrationError):
    code = "unavailable"

    def __init__(
        self, system: str, what: Text, *, why: Text | None = None, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(system, what, why=why)
        self.retry_after = retry_after


class Unsent(Unavailable):
    """A write that was not even sent: it counts as not tried, also where a target cannot tell a second one from the first."""

    code = "unsent"


class Refused(IntegrationError):
    code = "refused"


class Missing(IntegrationError):
    code = "missing"


class Conflict(IntegrationError):
    code = "conflict"
