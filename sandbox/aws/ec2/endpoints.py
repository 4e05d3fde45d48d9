"""VPC endpoints: interface endpoints take time; gateway endpoints put routes into their route tables."""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import AwsError, RawResponse
from ..hooks import Hooks
from ..wire import Call
from ..world import World


class Endpoints:
    """States of endpoints and the routes of gateway endpoints."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._phases: dict[str, tuple[str, str, float]] = {}

    def register(self, hooks: Hooks) -> None:
        """Tell which operations are touched."""
        hooks.before("ec2.*", lambda call: self.settle(call.region))
        hooks.before("ec2.CreateVpcEndpoint", self._before_create)
        hooks.after("ec2.CreateVpcEndpoint", self._after_create)
        hooks.after("ec2.ModifyVpcEndpoint", self._after_modify)
        hooks.replace("ec2.DeleteVpcEndpoints", self.delete)

    def reset(self) -> None:
        """Forget all endpoints."""
        self._phases.clear()

    def _before_create(self, call: Call) -> None:
        params, ec2 = call.params, self._world.ec2(call.region)
        kind = params.get("VpcEndpointType", "Gateway")
        if "VpcEndpointType" not in params:
            # Moto would leave the type empty.
            call.body += b"&VpcEndpointType=Gateway"
        service = params.get("ServiceName", "")
        if kind == "Gateway" and service not in (
            f"com.amazonaws.{call.region}.s3",
            f"com.amazonaws.{call.region}.dynamodb",
        ):
            raise AwsError("InvalidServiceName", f"The Vpc Endpoint Service '{service}' does not exist", 400)
        for table_id in params.get("RouteTableIds", ()):
            table = ec2.get_route_table(table_id)
            if table.vpc_id != params["VpcId"]:
                message = f"Route table {table_id} belongs to {table.vpc_id}, not {params['VpcId']}"
                raise AwsError("InvalidParameter", message, 400)
            for endpoint in ec2.vpc_end_points.values():
                if endpoint.service_name == service and table_id in endpoint.route_table_ids:
                    message = f"route table {table_id} already has a route with destination-prefix-list-id of {service}"
                    raise AwsError("RouteAlreadyExists", message, 400)

    def _after_create(self, call: Call, answer: RawResponse) -> None:
        match = re.search(rb"<vpcEndpointId>([^<]+)<", answer.body)
        if match is None:
            return
        endpoint_id = match.group(1).decode()
        endpoint = self._world.ec2(call.region).vpc_end_points[endpoint_id]
        if endpoint.vpc_endpoint_type != "Gateway":
            for interface_id in endpoint.network_interface_ids:
                interface = self._world.ec2(call.region).enis[interface_id]
                interface.description = f"VPC Endpoint Interface {endpoint_id}"
                interface.status, interface.interface_type = "in-use", "vpc_endpoint"
            endpoint.state = "pending"
            answer.body = answer.body.replace(b"<state>available</state>", b"<state>pending</state>")
            ends_at = self._world.context.ends_at("vpc_endpoint.create")
            self._phases[endpoint_id] = (call.region, "available", ends_at)

    def _after_modify(self, call: Call, _: RawResponse) -> None:
        ec2 = self._world.ec2(call.region)
        endpoint = ec2.vpc_end_points[call.params["VpcEndpointId"]]
        if call.params.get("ResetPolicy"):
            endpoint.policy_document = endpoint_default_policy(endpoint)
        if endpoint.vpc_endpoint_type != "Gateway" or endpoint.destination_prefix_list_id is None:
            return
        for table_id in call.params.get("AddRouteTableIds", ()):
            if not _has_route(ec2.get_route_table(table_id), endpoint.id):
                ec2.create_route(
                    table_id,
                    None,
                    gateway_id=endpoint.id,
                    destination_prefix_list_id=endpoint.destination_prefix_list_id,
                )
        for table_id in call.params.get("RemoveRouteTableIds", ()):
            if _has_route(ec2.get_route_table(table_id), endpoint.id):
                ec2.delete_route(table_id, endpoint.destination_prefix_list_id)

    def delete(self, call: Call) -> dict[str, Any]:
        """DeleteVpcEndpoints: what cannot be deleted is listed in an answer that is otherwise a success."""
        ec2, unsuccessful = self._world.ec2(call.region), []
        for endpoint_id in call.params["VpcEndpointIds"]:
            endpoint = ec2.vpc_end_points.get(endpoint_id)
            if endpoint is None:
                message = f"The Vpc Endpoint Id '{endpoint_id}' does not exist"
                error = {"Code": "InvalidVpcEndpointId.NotFound", "Message": message}
                unsuccessful.append({"ResourceId": endpoint_id, "Error": error})
                continue
            if endpoint.vpc_endpoint_type == "Gateway":
                for table_id in list(endpoint.route_table_ids):
                    table = ec2.route_tables.get(table_id)
                    if table is not None and _has_route(table, endpoint_id):
                        ec2.delete_route(table_id, endpoint.destination_prefix_list_id)
                del ec2.vpc_end_points[endpoint_id]
            else:
                endpoint.state = "deleting"
                ends_at = self._world.context.ends_at("vpc_endpoint.delete")
                self._phases[endpoint_id] = (call.region, "gone", ends_at)
        return {"Unsuccessful": unsuccessful}

    def settle(self, region: str) -> None:
        """Let every endpoint of a region become what it is by now."""
        now, ec2 = self._world.clock.now(), self._world.ec2(region)
        for endpoint_id, (place, target, ends_at) in list(self._phases.items()):
            if place != region or now < ends_at:
                continue
            del self._phases[endpoint_id]
            endpoint = ec2.vpc_end_points.get(endpoint_id)
            if endpoint is None:
                continue
            endpoint.state = target
            if target == "gone":
                for interface_id in endpoint.network_interface_ids:
                    ec2.enis.pop(interface_id, None)
                del ec2.vpc_end_points[endpoint_id]


def endpoint_default_policy(endpoint: Any) -> str:
    """The policy of an endpoint that nobody gave one."""
    return json.dumps(type(endpoint).DEFAULT_POLICY)


def _has_route(table: Any, endpoint_id: str) -> bool:
    return any(route.gateway_id == endpoint_id for route in table.routes)
