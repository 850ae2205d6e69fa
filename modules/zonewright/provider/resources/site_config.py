"""SiteConfig: the rendered configurations of one stack's nodes at one site, as path to digest."""

from collections.abc import Mapping

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.content_messages import DeployRequest, SiteFilesRequest
from zonewright.ledger.protocol.messages import StackRequest
from zonewright.provider.resource import (
    STACK_ID,
    CheckedResource,
    Data,
    Difference,
    Input,
    ProviderSession,
    ReadResource,
    compare,
    split_id,
)
from zonewright.provider.values import unknown


class SiteConfigResource(CheckedResource):
    """Its create and update mark the files as deployed; the texts are in the ledger's content store."""

    token = "zonewright:index:SiteConfig"  # noqa: S105 - a Pulumi type token
    description = "The rendered configurations of one stack at one site: path to content digest."
    inputs: Mapping[str, Input] = {
        "stackId": STACK_ID,
        "site": Input("string", "id of the site", replaces=True),
        "files": Input("object", "content digest by path"),
    }
    outputs: Mapping[str, Input] = {
        "stackId": inputs["stackId"],
        "site": inputs["site"],
        "count": Input("integer", "how many files"),
    }

    def diff(self, _session: ProviderSession, _urn: str, _id: str, old: Data, new: Data) -> Difference:
        """File by file."""
        return compare(self.inputs, old, new)

    def create(self, session: ProviderSession, _urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Mark the files as deployed."""
        return f"{new['stackId']}/{new['site']}", self._deploy(session, new, preview=preview)

    def _deploy(self, session: ProviderSession, new: Data, *, preview: bool) -> Data:
        if not preview:
            session.ledger.call(
                verbs.DEPLOY, DeployRequest(stack_id=new["stackId"], site=new["site"], files=dict(new["files"]))
            )
        count = unknown if new["files"] is unknown else len(new["files"])
        return {"stackId": new["stackId"], "site": new["site"], "count": count}

    def read(self, session: ProviderSession, id_: str, last: ReadResource | None) -> ReadResource | None:
        """The files as the ledger has them.

        It cannot be imported: the delete of a second one would withdraw the files of the first. A create adopts.
        """
        if last is None or (parts := split_id(id_)) is None:
            return None
        stack_id, site = parts
        files = session.ledger.call(verbs.DEPLOYED, StackRequest(stack_id=stack_id)).sites.get(site)
        if files is None:
            return None
        inputs = {"stackId": stack_id, "site": site, "files": files}
        return ReadResource(id_, inputs, {"stackId": stack_id, "site": site, "count": len(files)})

    def update(self, session: ProviderSession, _urn: str, _id: str, _state: Data, new: Data, *, preview: bool) -> Data:
        """Mark the new files as deployed."""
        return self._deploy(session, new, preview=preview)

    def delete(self, session: ProviderSession, _id: str, state: Data) -> None:
        """The files are not deployed any more."""
        session.ledger.call(verbs.WITHDRAW, SiteFilesRequest(stack_id=state["stackId"], site=state["site"]))
