"""Files: long output, and charts that are pictures. Three calls each, and a wait until Slack can show it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from bot.domain.clock import Clock
from bot.slack.api import Api, NoReply, NotOk
from bot.slack.code import File

SLACK_FILES = "files.slack.com"
_LOOKS = 8
_PAUSE = timedelta(milliseconds=500)


class Pinned:
    """Addresses that Slack gives us are followed to Slack only: its hosts, or the base that is configured."""

    def __init__(self, http: httpx.Client, *, base_url: str, hosts: frozenset[str]) -> None:
        """`http` with its timeouts; redirects are never followed."""
        self._http = http
        self._base = urlsplit(base_url)
        self._hosts = hosts

    def is_ours(self, url: str) -> bool:
        try:
            found = urlsplit(url)
            port = found.port
        except ValueError:
            return False
        if found.username is not None or found.password is not None:
            return False
        if found.scheme == "https" and found.hostname in self._hosts and port in {None, 443}:
            return True
        is_local = self._base.hostname not in {"slack.com", "www.slack.com"}
        return is_local and (found.scheme, found.hostname, port) == (
            self._base.scheme,
            self._base.hostname,
            self._base.port,
        )

    def post(self, url: str, *, json: object = None, content: bytes | None = None) -> None:
        """Raises NotOk, NoReply. The address itself is a secret: it stands in no message."""
        name = "response_url" if content is None else "upload"
        if not self.is_ours(url):
            raise NotOk(name, "foreign_address")
        try:
            response = self._http.post(url, json=json, content=content, follow_redirects=False)
        except httpx.HTTPError as lost:
            raise NoReply(name, type(lost).__name__) from None
        if response.status_code != httpx.codes.OK:
            raise NotOk(name, f"status_{response.status_code}")


class Uploads:
    def __init__(self, api: Api, pinned: Pinned, clock: Clock) -> None:
        self._api = api
        self._pinned = pinned
        self._clock = clock

    def share(self, file: File, *, channel: str, thread: str = "") -> None:
        """Posts the file there. Raises NotOk, NoReply."""
        self._upload(file.name, file.content.encode("utf-8", "replace"), channel=channel, thread=thread)

    def picture(self, name: str, png: bytes, *, alt: str) -> str | None:
        """The id of a picture that an image block can show; None when Slack was too slow. Raises NotOk, NoReply."""
        id = self._upload(name, png, alt=alt)
        for _ in range(_LOOKS):
            found = self._api.call("files.info", {"file": id}).get("file")
            if isinstance(found, dict) and found.get("mimetype"):
                return id
            self._clock.sleep(_PAUSE.total_seconds())
        return None

    def direct(self, user: str) -> str:
        """The channel of the direct message with this person. Raises NotOk, NoReply."""
        channel = self._api.call("conversations.open", {"users": user}).get("channel")
        id = channel.get("id") if isinstance(channel, dict) else None
        if not isinstance(id, str):
            raise NotOk("conversations.open", "no_channel")
        return id

    def _upload(self, name: str, content: bytes, *, alt: str = "", channel: str = "", thread: str = "") -> str:
        given = self._api.call("files.getUploadURLExternal", {"filename": name, "length": len(content), "alt_txt": alt})
        url, id = given.get("upload_url"), given.get("file_id")
        if not isinstance(url, str) or not isinstance(id, str):
            raise NotOk("files.getUploadURLExternal", "no_address")
        self._pinned.post(url, content=content)
        files = f'[{{"id":"{id}","title":"{_title(name)}"}}]'
        self._api.call("files.completeUploadExternal", {"files": files, "channel_id": channel, "thread_ts": thread})
        return id


def _title(name: str) -> str:
    return "".join(char for char in name if char.isalnum() or char in "-_. ")
