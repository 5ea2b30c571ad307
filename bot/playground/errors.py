"""What the local Slack server refuses with. Nothing of the bot's own errors: this is Slack."""


class SlackError(Exception):
    """An answer `{"ok": false, "error": code}`, with Slack's messages where it sends some."""

    def __init__(self, code: str, *, messages: tuple[str, ...] = (), **extra: object) -> None:
        super().__init__(code)
        self.code = code
        self.messages = messages
        self.extra = extra

    def body(self) -> dict[str, object]:
        answer: dict[str, object] = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return answer


class PersonError(Exception):
    """Something that a person sees instead of the wished effect: a code and a sentence."""

    def __init__(self, code: str, sentence: str, *, fields: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.fields = fields

    def body(self) -> dict[str, object]:
        answer: dict[str, object] = {"ok": False, "error": self.code, "message": self.sentence}
        if self.fields is not None:
            answer["errors"] = self.fields
        return answer
