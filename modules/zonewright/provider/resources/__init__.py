"""The resource types, one file each."""

from collections.abc import Mapping

from zonewright.provider.resource import Resource
from zonewright.provider.resources.admission import AdmissionResource
from zonewright.provider.resources.agent_deployment import AgentDeploymentResource
from zonewright.provider.resources.assets import DuctResource, LinkResource, RowResource, SiteResource
from zonewright.provider.resources.completion import CompletionResource
from zonewright.provider.resources.configuration_deployment import ConfigurationDeploymentResource
from zonewright.provider.resources.enrolment import EnrolmentResource
from zonewright.provider.resources.node import NodeResource
from zonewright.provider.resources.site_config import SiteConfigResource

RESOURCES: Mapping[str, Resource] = {
    resource.token: resource
    for resource in (
        EnrolmentResource(),
        AdmissionResource(),
        CompletionResource(),
        SiteResource(),
        RowResource(),
        DuctResource(),
        LinkResource(),
        NodeResource(),
        SiteConfigResource(),
        AgentDeploymentResource(),
        ConfigurationDeploymentResource(),
    )
}
