"""Replies that have to come out as the designed cards (tests/playground/cards): what the golden tests compare.

`accent` is set where a card's spoken text is wording of its own and not the blocks' sentences.
"""

from __future__ import annotations

from datetime import UTC, datetime

from bot.domain.refs import Principal
from bot.domain.reply import (
    Bar,
    Block,
    Button,
    Buttons,
    Code,
    Confirm,
    Fact,
    Facts,
    Group,
    Heading,
    Histogram,
    Note,
    Opens,
    Paragraph,
    Quote,
    Reply,
    Risks,
    Style,
    Text,
    text,
)
from bot.slack.render import Surface

ANA, BO, LEE = Principal("ana"), Principal("bo"), Principal("lee")
NOW = datetime(2026, 11, 24, 14, 35, tzinfo=UTC)


def at(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)


RISKS = Risks(
    (
        text("Memory limit goes down *512 → 384 MiB*; the peak last week was 401 MiB"),
        text("`FEATURE_CART` is new in the config"),
    )
)
FACTS = Facts(
    (
        Fact(text("Image"), text("1.8.1 → *1.8.2*\n`a41f03` → `9c07be`")),
        Fact(text("Pods"), text("6, one at a time, about 4 min")),
        Fact(text("Config"), text("1 changed, 1 new")),
        Fact(text("Cost"), text("no change")),
    )
)
PRIVATE = Note(text("Only you see this. Nothing has changed yet."))
ABORT = Button(
    text("Abort"),
    "abort op-1043",
    Style.DANGER,
    confirm=Confirm(
        text("Abort the canary of web?"),
        text("All traffic on prod goes back to 1.8.1 at once, and the 1.8.2 pods are removed after they have drained."),
        text("Abort"),
    ),
    spoken=text("Abort the canary of web on prod"),
)


def button(label: str, spoken: str, style: Style = Style.PLAIN, confirm: Confirm | None = None) -> Button:
    return Button(
        text("{label}", label=label), f"line of {label}", style, confirm, spoken=text("{words}", words=spoken)
    )


def more(*labels: str) -> tuple[Button, ...]:
    return tuple(button(label, "") for label in labels)


def who(op: str, *parts: Text) -> Note:
    template = " · ".join(["Asked by {ana}", "approved by {bo}", *(f"{{p{n}}}" for n in range(len(parts))), "{op}"])
    return Note(Text(template, {"ana": ANA, "bo": BO, "op": op, **{f"p{n}": part for n, part in enumerate(parts)}}))


def reply(title: str | None, *blocks: Block, accent: str) -> Reply:
    return Reply(text("{t}", t=title) if title else None, blocks, accent=text("{a}", a=accent))


PREVIEW = reply(
    "Plan · deploy web 1.8.2 to prod",
    PRIVATE,
    RISKS,
    FACTS,
    Note(text("Goes back to 1.8.1 by itself if it is not healthy in 5 min. Needs 1 approval from sre.")),
    Buttons(
        (
            button("Ask for approval", "Ask sre to approve deploy of web 1.8.2 to prod", Style.PRIMARY),
            button("Full plan", "Show the full plan for web on prod"),
            button("Cancel", "Cancel this plan"),
        )
    ),
    accent="Plan, nothing changed yet. Deploy web 1.8.2 to prod, now 1.8.1. Look first: memory limit goes down from 512 "
    "to 384 MiB, the peak last week was 401. 6 pods, one at a time, about 4 minutes. Goes back by itself if not healthy "
    "in 5 minutes. Needs 1 approval from sre.",
)

APPROVAL = reply(
    "Approval needed · deploy web 1.8.2 to prod",
    Paragraph(text("{ana} asks to deploy *web* 1.8.1 → *1.8.2* to *prod*.", ana=ANA)),
    Quote(text("Reason"), "Fixes the empty cart after login"),
    RISKS,
    FACTS,
    Note(
        text(
            "{sre} · 0 of 1 approvals · open until {until} · plan `7f3a9c21` · op-1042",
            sre=Group("sre"),
            until=at(1795531620),
        )
    ),
    Buttons(
        (
            button("Review and approve", "Review and approve deploy of web 1.8.2 to prod", Style.PRIMARY),
            button("Deny", "Deny deploy of web 1.8.2 to prod", Style.DANGER),
        ),
        more=more("Withdraw my request", "Full plan as a file"),
    ),
    accent="Approval needed: ana asks to deploy web 1.8.2 to prod, now 1.8.1. Reason: Fixes the empty cart after login. "
    "Look first: memory limit goes down from 512 to 384 MiB, the peak last week was 401. 6 pods, about 4 minutes. 0 of "
    "1 approvals from sre, open until 14:47 UTC.",
)

RUNNING = reply(
    "Running · deploy web 1.8.2 to prod",
    Bar(3, 6, text("*{n} of {all} pods ready*, started {at}", n=3, all=6, at=at(1795530840))),
    Paragraph(text("Errors 0.4 %, as before")),
    who("op-1042", text("goes back by itself at {until} if not healthy", until=at(1795531200))),
    Buttons(
        (
            button("Logs", "Logs of web on prod"),
            button(
                "Stop and roll back",
                "Stop the deploy of web to prod and roll back",
                Style.DANGER,
                Confirm(
                    text("Stop and roll back?"),
                    text(
                        "web on prod goes back to 1.8.1 and config 17. 3 pods already run 1.8.2 and are replaced; about 2 min."
                    ),
                    text("Stop and roll back"),
                ),
            ),
        ),
        more=more("Full plan", "Pod details"),
    ),
    accent="Running: deploy web 1.8.2 to prod. 3 of 6 pods ready, started 14:34 UTC. Asked by ana, approved by bo.",
)

DONE = reply(
    "Done · web 1.8.2 is live on prod",
    Paragraph(text("6 of 6 pods ready in 3 min 12 s. Errors 0.4 %, as before.")),
    Note(
        text("Asked by {ana} · approved by {bo} · {at} · op-1042 · plan `7f3a9c21`", ana=ANA, bo=BO, at=at(1795531032))
    ),
    Buttons(
        (
            button("Logs", "Logs of web on prod"),
            button(
                "Roll back",
                "Roll back web on prod to 1.8.1",
                Style.DANGER,
                Confirm(
                    text("Roll back web on prod?"),
                    text(
                        "Back to 1.8.1 and config 17, 6 pods, about 2 min. 1.8.2 is then locked out until someone unlocks it."
                    ),
                    text("Roll back"),
                ),
            ),
        ),
        more=more("History", "Full plan", "Lock web on prod"),
    ),
    accent="Done: web 1.8.2 is live on prod. 6 of 6 pods ready in 3 minutes 12 seconds. Errors 0.4 percent, as before. "
    "Asked by ana, approved by bo.",
)

ROLLED_BACK = reply(
    "Rolled back · web on prod is on 1.8.1 again",
    Paragraph(text("*Why:* 1.8.2 never became ready. Its container was killed for memory 4 times (limit 384 MiB).")),
    Paragraph(text("*Now:* 6 of 6 pods run 1.8.1. 1.8.2 is locked out of prod.")),
    Paragraph(text("*Next:* raise the memory limit to at least 448 MiB and deploy again.")),
    who("op-1042", text("{at}", at=at(1795531260))),
    Buttons(
        (
            button("Last log lines", "Last log lines of web 1.8.2 on prod", Style.PRIMARY),
            button("Deploy again", "Open the deploy form for web on prod"),
        ),
        more=more("Unlock 1.8.2", "Full plan"),
    ),
    accent="Rolled back: web on prod is on 1.8.1 again. Why: 1.8.2 never became ready, its container was killed for "
    "memory 4 times, limit 384 MiB. 6 of 6 pods run 1.8.1. 1.8.2 is locked out. Next: raise the memory limit to at "
    "least 448 MiB and deploy again.",
)

CANARY_STEP = reply(
    "Canary at 25 % · web 1.8.2 on prod",
    Paragraph(
        text("*Verdict so far: pass.* Errors 0.4 % against 0.5 % on stable. p95 212 ms against 205 ms. 1,840 requests.")
    ),
    Bar(1, 4, text("*step 2 of 4* · 10 → *25* → 50 → 100 %")),
    Paragraph(text("Asked 25 %, getting 24.8 % (traffic weight)")),
    Note(
        text(
            "Goes to 50 % at {at} by itself · asked by {ana} · approved by {bo} · op-1043",
            at=at(1795531320),
            ana=ANA,
            bo=BO,
        )
    ),
    Buttons(
        (
            button("Pause", "Pause the canary of web on prod at 25 percent"),
            button("Go to 50 % now", "Move the canary of web on prod to 50 percent now"),
            ABORT,
        ),
        more=more("Set another percentage", "Logs, canary only", "Full plan"),
    ),
    accent="Canary at 25 percent: web 1.8.2 on prod, step 2 of 4. Verdict so far: pass. Errors 0.4 percent against 0.5 "
    "on stable. p95 212 ms against 205. 1,840 requests. Goes to 50 percent at 14:42 UTC by itself.",
)

DENIED = reply(
    None,
    Paragraph(text("*You may not deploy web to prod.*")),
    Paragraph(text("*Why:* it needs `workloads:deploy` on prod; you have it on staging.")),
    Paragraph(text("*Next:* {lee} (lead of team-web) can grant it, {bo} can run it for you.", lee=LEE, bo=BO)),
    Note(text("Nothing was changed. Recorded as 5321, not-permitted.")),
    Buttons((button("Ask bo to run it", "Ask bo to run deploy of web to prod"),)),
    accent="",
)

LOCKED = reply(
    None,
    Paragraph(text("*web on prod is locked.*")),
    Paragraph(text("By {bo}, since {since}, until {until}.", bo=BO, since=at(1795523400), until=at(1795539600))),
    Quote(text("Reason"), "testing payments"),
    Buttons(
        (
            button("Ask bo to unlock", "Ask bo to unlock web on prod", Style.PRIMARY),
            button(
                "Take over",
                "Take over the lock of web on prod",
                Style.DANGER,
                Confirm(
                    text("Take over the lock?"),
                    text("web on prod is then locked by you. bo is told at once, with your name."),
                    text("Take over"),
                ),
            ),
        )
    ),
    accent="web on prod is locked by bo since 12:30 UTC until 17:00 UTC: testing payments. Nothing was changed.",
)

UNKNOWN_APP = reply(
    None,
    Paragraph(text("*There is no app called* `{name}`*.*", name="wbe")),
    Paragraph(text("*Next:* did you mean one of these? The rest of your command is kept.")),
    Buttons(
        (
            button("web", "Run deploy with web"),
            button("web-admin", "Run deploy with web-admin"),
            button("All my apps", "List my apps"),
        )
    ),
    accent="",
)

LOGS = reply(
    "Logs · web on prod · last 1 h · timeout",
    Histogram(
        (0, 0, 0, 20, 0, 0, 20, 214, 180, 80, 20, 0), text("*412 lines*, peak 214 at {at}\nEach bar is 5 min. 3 patterns, *1 new since 1.8.2*.", at=at(1795529100))
    ),
    Code(
        "298  NEW  upstream timed out after <*> ms, host=<*>\n 97       retrying payment <*>, attempt <*>\n"
        " 17       cache miss for cart <*>"
    ),
    Note(text("Newest 5 of 412")),
    Code(
        "14:31:58 x2x7p upstream timed out after 3000 ms, host=cart\n14:31:57 x2x7p retrying payment 8812, attempt 2\n"
        "14:31:55 9kq4d upstream timed out after 3000 ms, host=cart\n14:31:52 9kq4d upstream timed out after 3001 ms, host=cart\n"
        "14:31:50 x2x7p cache miss for cart 77120"
    ),
    Note(text("Only you see this. What looks like a secret is masked.")),
    Buttons(
        (
            button("Around newest line", "Show the lines around the newest match"),
            button("Earlier", "Earlier lines"),
            button("Share here", "Post this result to the channel"),
        ),
        more=more("Errors only", "New since 1.8.2 only", "Follow for 1 min", "All 412 as a file"),
    ),
    accent="Logs of web on prod, last hour, containing timeout: 412 lines, peak 214 at 14:05 UTC, 3 patterns, 1 new since "
    "1.8.2: upstream timed out, 298 times. Newest 5 lines follow.",
)  # fmt: skip

ALERT = reply(
    "Firing · HighErrorRate · web on prod",
    Paragraph(text("*Critical.* Errors *6.2 %* for 4 min; limit 2 %. 2 of 6 pods.")),
    Paragraph(text("*Likely cause:* deploy of *1.8.2* by ana, 3 min before it began.")),
    Note(text("Since {at} · owner team-web · al-311 · chart, logs and changes are in the thread", at=at(1795529100))),
    Buttons(
        (
            button("Acknowledge", "Acknowledge HighErrorRate of web on prod", Style.PRIMARY),
            button(
                "Roll back to 1.8.1",
                "Roll back web on prod to 1.8.1",
                Style.DANGER,
                Confirm(
                    text("Roll back web on prod?"),
                    text(
                        "From 1.8.2 to 1.8.1 with config 17, 6 pods, about 2 min. Runs as you, without a second approval "
                        "(policy: rollback). 1.8.2 is locked out."
                    ),
                    text("Roll back"),
                ),
            ),
            button("Silence", "Silence HighErrorRate of web on prod"),
        ),
        more=more("Why?", "Scale web", "Logs", "Runbook"),
    ),
    accent="Firing, critical: HighErrorRate, web on prod. Errors 6.2 percent for 4 minutes, limit 2. 2 of 6 pods. Likely "
    "cause: deploy of 1.8.2 by ana, 3 minutes before it began.",
)

PLAN_CHANGED = reply(
    None,
    Paragraph(text("*The plan changed while it waited, so it did not run.*")),
    Paragraph(text("*What:* tag `1.8.2` now points to another image, `9c07be` → `e55d10`.")),
    Paragraph(text("*Next:* look at the new plan; it needs its own approval.")),
    Note(text("Nothing was changed. op-1042")),
    Buttons((button("See the new plan", "See the new plan for web on prod", Style.PRIMARY),)),
    accent="The plan changed while it waited: the tag 1.8.2 now points to another image. Nothing was changed.",
)

UNEXPECTED = reply(
    None,
    Paragraph(text("*Something went wrong on our side, before anything was changed.*")),
    Paragraph(text("*Next:* try again. If it happens twice, give the platform team the reference `8c1d-22f0`.")),
    accent="Something went wrong on our side, before anything was changed. Reference 8c1d-22f0. Try again, or give the "
    "reference to the platform team.",
)

THREAD_END = reply(
    None,
    Paragraph(
        text("{ana} *rolled back.* web on prod is on 1.8.1 again: 1.8.2 was killed for memory 4 times.", ana=ANA)
    ),
    Code(
        "14:36:02  web-6c9f-x2x7p  OOMKilled, limit 384Mi, used 384Mi\n14:36:41  web-6c9f-x2x7p  restarted (4)\n"
        "14:37:40  rollout     not healthy after 5 min, going back to revision 41"
    ),
    accent="",
)

REVIEW = Reply(
    text("Review plan"),
    (
        Heading(text("deploy web 1.8.2 to prod")),
        Paragraph(text("Asked by {ana} at {at}.", ana=ANA, at=at(1795530720))),
        Quote(text("Reason"), "Fixes the empty cart after login"),
        RISKS,
        Paragraph(text("*Everything that changes*")),
        Code(
            "Deployment web, cluster eu-1, namespace web-prod\n- image   registry/web@sha256:a41f03…  (1.8.1)\n"
            "+ image   registry/web@sha256:9c07be…  (1.8.2)\n- memory limit  512Mi\n+ memory limit  384Mi\n\n"
            "Config 17 → 18\n+ FEATURE_CART   on\n  CART_URL       https://cart.svc (unchanged)"
        ),
        Paragraph(
            text(
                "*If it goes wrong*\nNot healthy by 5 min: back to 1.8.1 and config 17, by itself. No second approval is "
                "needed for that."
            )
        ),
        Note(
            text(
                "You approve exactly this plan, `7f3a9c21`. If anything in it changes, your approval no longer counts."
            )
        ),
    ),
    submit=Button(text("Approve"), "approve op-1042 plan=7f3a9c21", Style.PRIMARY, opens=Opens.NOTHING),
)

CARDS: dict[str, tuple[Reply, Surface]] = {
    "deploy-preview": (PREVIEW, Surface.PRIVATE),
    "approval": (APPROVAL, Surface.CARD),
    "deploy-running": (RUNNING, Surface.CARD),
    "deploy-done": (DONE, Surface.CARD),
    "deploy-rolled-back": (ROLLED_BACK, Surface.CARD),
    "canary-step": (CANARY_STEP, Surface.CARD),
    "denied": (DENIED, Surface.PRIVATE),
    "locked": (LOCKED, Surface.PRIVATE),
    "unknown-app": (UNKNOWN_APP, Surface.PRIVATE),
    "logs": (LOGS, Surface.PRIVATE),
    "alert": (ALERT, Surface.CARD),
    "plan-changed": (PLAN_CHANGED, Surface.PRIVATE),
    "unexpected": (UNEXPECTED, Surface.PRIVATE),
    "deploy-thread-end": (THREAD_END, Surface.THREAD),
}
