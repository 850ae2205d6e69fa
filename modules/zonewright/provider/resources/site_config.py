"""SiteConfig: the rendered configurations of one stack's nodes at one site, as one digest and numbers."""

from collections.abc import Mapping

from zonewright.ledger.protocol import verbs
from zonewright.ledger.protocol.content_messages import DeployRequest, SiteFilesRequest
from zonewright.ledger.protocol.messages import StackRequest
from zonewright.model.canonical import canonical_json, digest_of
from zonewright.provider.resource import (
    DIGEST,
    STACK_ID,
    CheckedResource,
    CheckFailedError,
    Data,
    Difference,
    Input,
    ProviderSession,
    ReadResource,
    compare,
    split_id,
    standing_of,
)


class SiteConfigResource(CheckedResource):
    """Its create and update mark the files as deployed; manifest and texts are in the ledger's content store."""

    token = "zonewright:index:SiteConfig"  # noqa: S105 - a Pulumi type token
    description = "The rendered configurations of one stack at one site: their digest, and how much there is of each."
    inputs: Mapping[str, Input] = {
        "stackId": STACK_ID,
        "site": Input("string", "id of the site", replaces=True),
        "filesDigest": Input("string", "digest of path and content digest of all files", pattern=DIGEST),
        "formats": Input("object", "number of `files` and `bytes` by format", nested=True),
    }
    plain = ("filesDigest", "formats")
    outputs: Mapping[str, Input] = {
        "stackId": inputs["stackId"],
        "site": inputs["site"],
        "count": Input("integer", "how many files"),
    }

    def diff(self, session: ProviderSession, urn: str, _id: str, old: Data, new: Data) -> Difference:
        """Other files, or others than the ledger has. A state of an older version has the digest of each file."""
        digest = old.get("filesDigest") or digest_of(canonical_json(old.get("files", {})))
        if digest == new.get("filesDigest", digest):
            difference = compare({"site": self.inputs["site"], "stackId": self.inputs["stackId"]}, old, new)
            if difference.changes or standing_of(session, new["stackId"]).deployed.get(new["site"]) == digest:
                return difference
            session.log(urn, f"files of {new['site']}: the ledger has others than this state; this update deploys them")
            return Difference({"filesDigest": "update"})
        found = compare(self.inputs, {**old, "filesDigest": digest}, new)
        if "site" in found.replaces and self._is_renamed(session, old, new):
            return Difference(found.changes, found.replaces - {"site"})
        return found

    def _is_renamed(self, session: ProviderSession, old: Data, new: Data) -> bool:
        """Whether the site only has another name, or will have: the ledger has the files under it then."""
        if session.memory.renamed.get(new["site"]) == old["site"]:
            return True
        deployed = standing_of(session, new["stackId"]).deployed
        return new["site"] in deployed and old["site"] not in deployed

    def create(self, session: ProviderSession, urn: str, new: Data, *, preview: bool) -> tuple[str, Data]:
        """Mark the files as deployed."""
        return f"{new['stackId']}/{new['site']}", self._deploy(session, urn, new, preview=preview)

    def _deploy(self, session: ProviderSession, urn: str, new: Data, *, preview: bool) -> Data:
        count = _file_count(new["formats"])
        if not preview:
            request = DeployRequest(stack_id=new["stackId"], site=new["site"], files_digest=new["filesDigest"])
            done = session.ledger.call(verbs.DEPLOY, request)
            changes = f"{done.added:,} new, {done.changed:,} changed, {done.removed:,} gone"
            session.log(urn, f"files of {new['site']}: {changes}")
        return {"stackId": new["stackId"], "site": new["site"], "count": count}

    def read(self, session: ProviderSession, id_: str, last: ReadResource | None) -> ReadResource | None:
        """The files as the ledger has them; how many bytes they are it does not say.

        It cannot be imported: the delete of a second one would withdraw the files of the first. A create adopts.
        """
        if last is None or (parts := split_id(id_)) is None:
            return None
        stack_id, site = parts
        files = session.ledger.call(verbs.DEPLOYED, StackRequest(stack_id=stack_id)).sites.get(site)
        if files is None:
            return None
        inputs = {
            "stackId": stack_id,
            "site": site,
            "filesDigest": digest_of(canonical_json(files)),
            "formats": last.inputs.get("formats", {}),
        }
        return ReadResource(id_, inputs, {"stackId": stack_id, "site": site, "count": len(files)})

    def update(self, session: ProviderSession, urn: str, _id: str, _state: Data, new: Data, *, preview: bool) -> Data:
        """Mark the new files as deployed."""
        return self._deploy(session, urn, new, preview=preview)

    def delete(self, session: ProviderSession, _id: str, state: Data) -> None:
        """The files are not deployed any more."""
        session.ledger.call(verbs.WITHDRAW, SiteFilesRequest(stack_id=state["stackId"], site=state["site"]))


def _file_count(formats: Data) -> int:
    """How many files there are of all formats."""
    count = 0
    for name, size in formats.items():
        files = size.get("files") if isinstance(size, dict) else None
        if type(files) is not int or files < 0:
            raise CheckFailedError(
                f"input 'formats': expected the numbers of files and bytes of each format, got none for '{name[:80]}'"
            )
        count += files
    return count
