# Copyright: multicloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launch templates: what EKS's own settings of node groups do not cover (disks, instance metadata, tags)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from .._engine.errors import NotFound
from .._engine.fields import MUTABLE, Field, Fields
from .._engine.plan import Plan, plan
from .._engine.resource import WATCH, Observed, Operation
from .base import Ec2Resource, Item, as_dict, as_list
from .client import Session

TEMPLATES: Hashable = ("ec2", "launch_templates")


class LaunchTemplate(Ec2Resource):
    """A launch template. A change makes a new version; node groups follow to the newest.

    device: the root device of the node image. hop_limit: 1 keeps pods away from the node's own credentials, 2 lets
    them reach them.
    """

    kind: ClassVar[str] = "aws.ec2.launch_template"
    fields: ClassVar[Fields] = Fields(
        {
            "BlockDeviceMappings": Field(key="DeviceName"),
            "MetadataOptions": MUTABLE,
            "TagSpecifications": Field(key="ResourceType"),
            "tags": MUTABLE,
        }
    )
    tag_type = "launch-template"

    def __init__(
        self, session: Session, name: str, *, device: str, disk_size_gb: int, hop_limit: int, **kwargs: Any
    ) -> None:
        super().__init__(session, name, **kwargs)
        self.device, self.disk_size_gb, self.hop_limit = device, disk_size_gb, hop_limit

    def lists(self) -> Sequence[Hashable]:
        return (TEMPLATES,)

    def _data(self) -> Item:
        disk = {"VolumeSize": self.disk_size_gb, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
        return {
            "BlockDeviceMappings": [{"DeviceName": self.device, "Ebs": disk}],
            "MetadataOptions": {
                "HttpEndpoint": "enabled",
                "HttpTokens": "required",
                "HttpPutResponseHopLimit": self.hop_limit,
            },
            "TagSpecifications": [
                {"ResourceType": sort, "Tags": self.tags} for sort in ("instance", "volume", "network-interface")
            ],
        }

    def desired(self) -> dict[str, Any]:
        return {**self._data(), "tags": self.tags}

    def read(self) -> Observed | None:
        found = next((item for item in self._listed() if item["LaunchTemplateName"] == self.name), None)
        if found is None:
            return None
        try:
            version = self._newest(found["LaunchTemplateId"])
        except NotFound:
            return None
        data, tags = version["LaunchTemplateData"], as_dict(found.get("Tags"))
        values = {
            "BlockDeviceMappings": data.get("BlockDeviceMappings"),
            "MetadataOptions": data.get("MetadataOptions"),
            "TagSpecifications": [
                {"ResourceType": item["ResourceType"], "Tags": as_dict(item.get("Tags"))}
                for item in data.get("TagSpecifications") or ()
            ],
            "tags": tags,
        }
        number = int(version["VersionNumber"])
        # The version that node groups will want: versions count up by one, so a plan can already name it.
        wanted = number + bool(plan(self._data(), values, self.fields))
        outputs = {"id": found["LaunchTemplateId"], "version": str(wanted), "newest": str(number)}
        return Observed(values, outputs, tags=tags)

    def _listed(self) -> list[Item]:
        """The region's launch templates whose names begin with the site's."""
        name = [{"Name": "launch-template-name", "Values": [f"{self.session.site.base}*"]}]
        return self.session.remember(
            TEMPLATES,
            lambda: self.session.pages("ec2", "describe_launch_templates", "LaunchTemplates", Filters=name),
        )

    def _newest(self, template_id: str) -> Item:
        answer = self.session.call(
            "ec2", "describe_launch_template_versions", LaunchTemplateId=template_id, Versions=["$Latest"]
        )
        found: Item = answer["LaunchTemplateVersions"][0]
        return found

    @staticmethod
    def _body(desired: dict[str, Any]) -> Item:
        specifications = [{**item, "Tags": as_list(item["Tags"])} for item in desired["TagSpecifications"]]
        members = ("BlockDeviceMappings", "MetadataOptions")
        return {**{name: desired[name] for name in members}, "TagSpecifications": specifications}

    def create(self, desired: dict[str, Any]) -> Operation:
        self.session.create(
            "ec2",
            "create_launch_template",
            LaunchTemplateName=self.name,
            LaunchTemplateData=self._body(desired),
            ClientToken=self.session.token(self.key),
            TagSpecifications=self.tag_specifications(),
        )
        return WATCH

    def update(self, observed: Observed, desired: dict[str, Any], change: Plan) -> Operation:
        if change.touches("BlockDeviceMappings", "MetadataOptions", "TagSpecifications"):
            self.session.call(
                "ec2",
                "create_launch_template_version",
                LaunchTemplateId=observed.outputs["id"],
                LaunchTemplateData=self._body(desired),
                ClientToken=self.session.token(f"{self.key}/{observed.outputs['newest']}"),
            )
        self.retag(observed, desired, change)
        return WATCH

    def delete(self, observed: Observed) -> Operation:
        self.session.spend_token(self.key)
        self.session.call("ec2", "delete_launch_template", LaunchTemplateId=observed.outputs["id"])
        return WATCH
