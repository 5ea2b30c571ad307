"""Replies of every kind of block, with what a hostile or careless program may put into them."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.refs import Principal
from bot.domain.reply import (
    Bar,
    Button,
    Buttons,
    Channel,
    Chart,
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
    Series,
    Style,
    Table,
    counted,
    text,
)
from tests.terminal.stage import T0

PLAN = Reply(
    text(
        "{state} · {title}",
        state=text("Plan"),
        title=text("deploy {app} {to} to {env}", app="web", to="1.8.2", env="prod"),
    ),
    (
        Note(text("Only you see this. Nothing has changed yet.")),
        Risks(
            (text("*Memory limit goes down* {a} → {b} MiB", a=512, b=384), text("FEATURE_CART is new in the config"))
        ),
        Facts(
            (
                Fact(text("Image"), text("{a} → *{b}*", a="1.8.1", b="1.8.2")),
                Fact(text("Pods"), text("{n}, one at a time", n=6)),
            )
        ),
        Note(
            text(
                "Goes back by itself. Needs {votes} from {group}.",
                votes=counted(1, "{n} approval", "{n} approvals"),
                group=Group("sre"),
            )
        ),
        Buttons(
            (
                Button(text("Ask for approval"), "ask op-7 plan=7f3a9c21", Style.PRIMARY),
                Button(text("Full plan"), "plan op-7", opens=Opens.VIEW),
                Button(text("Cancel"), "cancel op-7"),
            )
        ),
    ),
)

RUNNING = Reply(
    text("Canary at {percent} % · {title}", percent=25, title=text("{app} on {env}", app="web", env="prod")),
    (
        Bar(2, 4, text("*step {n} of {all}* · 10 → *25* → 50 → 100 %", n=2, all=4)),
        Paragraph(text("Errors {a} % against {b} %. Watched for {time}.", a=0.4, b=0.5, time=timedelta(seconds=192))),
        Note(text("Asked by {who} · started {at} · in {place}", who=Principal("ana"), at=T0, place=Channel("C0WEB"))),
        Quote(text("Reason"), "Fixes the *empty* cart\nafter login"),
        Buttons(
            (
                Button(text("Pause"), "pause op-7"),
                Button(
                    text("Abort"),
                    "abort op-7",
                    Style.DANGER,
                    confirm=Confirm(text("Abort?"), text("{app} goes back to 1.8.1.", app="web"), text("Abort")),
                ),
            ),
            more=(Button(text("Deny"), "deny op-7", opens=Opens.FORM),),
        ),
    ),
)

LOGS = Reply(
    text("Logs · {app} in {env}", app="web", env="prod"),
    (
        Histogram(
            (0, 3, 12, 40, 7), text("*{n} lines*, peak {peak}\nEach bar is {width}.", n=62, peak=40, width="5 min")
        ),
        Heading(text("Lines")),
        Code(
            "14:00:01 web-1 \x1b[31mERROR\x1b[0m cart is [bold]empty[/bold]\n14:00:02 web-1 \x1b]0;owned\x07\tq \u202etxt.exe\r\n"
        ),
        Chart(
            text("Requests"),
            "a second",
            (
                Series(text("stable"), tuple((T0 + timedelta(minutes=n), float(n)) for n in range(8))),
                Series(text("canary"), ()),
            ),
            limit=20.0,
        ),
        Table(
            (text("Release"), text("Image"), text("Since")),
            (
                (text("{n}", n=41), text("`{image}`", image="1.8.1"), text("{at}", at=T0 - timedelta(days=6))),
                (text("{n}", n=9), text("`{image}`", image="1.8.0-rc1"), text("{at}", at=T0 - timedelta(days=30))),
            ),
        ),
    ),
)

REVIEW = Reply(
    text("Review plan"),
    (
        Heading(text("scale web on prod to 5")),
        Risks((text("{n} of {now} pods go away", n=1, now=6),)),
        Code("Deployment web\n- replicas  6\n+ replicas  5", name="op-7-plan.txt"),
    ),
    submit=Button(text("Approve"), "approve op-7 plan=7f3a9c21", Style.PRIMARY),
)

SAMPLES = {"plan": PLAN, "running": RUNNING, "logs": LOGS, "review": REVIEW}
