"""Everything that an administrator decides: one object, filled from the environment, which the chart fills."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from tracedmodel_api import __version__
from tracedmodel_api.report import Failure
from tracedmodel_api.types import Target
from tracedmodel_operator.quantities import canonical

PREFIX = "TRACEDMODEL_OPERATOR_"
_SUBJECT = re.compile(r"^(Input|String|Value error,) ")
Toleration = dict[str, str]
Quantities = dict[str, Annotated[str, AfterValidator(canonical)]]


class TargetSettings(BaseModel):
    """What pods of one target need."""

    exporter_image: str
    server_image: str
    export_resources: Quantities
    serving_resources: Quantities
    node_selector: dict[str, str] = {}
    """Labels of the nodes that serving pods run on."""
    tolerations: list[Toleration] = []
    """Taints of nodes that serving pods may run on."""
    instance_types: list[str] = []
    """Serving pods run on nodes of these instance types alone; empty: on any."""
    priority_class_name: str | None = None
    """Priority class of serving pods."""
    export_node_selector: dict[str, str] = {}
    """Labels of the nodes that exporter pods run on; those need no accelerator, whatever the target."""
    export_tolerations: list[Toleration] = []
    """Taints of nodes that exporter pods may run on."""


def _cpu() -> TargetSettings:
    return TargetSettings(
        exporter_image=f"ghcr.io/tracedmodel/exporter:{__version__}",
        server_image=f"ghcr.io/tracedmodel/server:{__version__}",
        export_resources={"cpu": "4", "memory": "8Gi"},
        serving_resources={"cpu": "2", "memory": "2Gi"},
    )


def _inf1() -> TargetSettings:
    return TargetSettings(
        exporter_image=f"ghcr.io/tracedmodel/exporter-inf1:{__version__}",
        server_image=f"ghcr.io/tracedmodel/server-inf1:{__version__}",
        export_resources={"cpu": "8", "memory": "32Gi"},
        serving_resources={"cpu": "3", "memory": "5Gi"},
        tolerations=[
            {"key": "aws.amazon.com/neuron", "operator": "Exists", "effect": "NoSchedule"}
        ],
        instance_types=["inf1.xlarge", "inf1.2xlarge", "inf1.6xlarge", "inf1.24xlarge"],
    )


class ScalingSettings(BaseModel):
    """How autoscalers behave, and where they ask; docs/autoscaling.md has the reasons of the defaults."""

    up_window_seconds: int = Field(default=0, ge=0, le=3600)
    """How long a rise has to last. A new replica takes minutes: each second of thought comes on top."""
    up_percent: int = Field(default=100, ge=1)
    """Replicas that may be added in a period, of those at its beginning; or up_pods, if that is more."""
    up_pods: int = Field(default=2, ge=1)
    up_period_seconds: int = Field(default=60, ge=1, le=1800)
    """Longer than it takes to see what the last step did to the load of those who serve."""
    down_window_seconds: int = Field(default=600, ge=0, le=3600)
    """How long a fall has to last: longer than the start of a node and a replica, which would be needed again."""
    down_percent: int = Field(default=25, ge=1, le=100)
    """Replicas that may be taken away in a period, of those at its beginning; or down_pods, if that is more."""
    down_pods: int = Field(default=1, ge=1)
    down_period_seconds: int = Field(default=120, ge=1, le=1800)
    """Long enough to see in the load what the last step did, before the next."""
    load_metric: str = Field(default="tracedmodel_worker_load_ratio", min_length=1)
    """Name by which the custom metrics API tells the work of a pod, as a share of what its workers can do."""
    work_on_cpus: bool = False
    """Whether a HorizontalPodAutoscaler of target CPU goes by that metric too, instead of CPU use."""
    prometheus_url: str = Field(
        default="http://prometheus-operated.monitoring.svc:9090", pattern=r"^https?://[^/\s]+"
    )
    """Where KEDA asks for metrics."""
    demand_query: str | None = Field(default=None, min_length=1)
    """PromQL that is above 0 while somebody asks for a model of which nothing runs, such as the requests a second at
    its ingress; may hold {namespace} and {name}. Without it nothing is scaled to zero."""
    poll_seconds: int = Field(default=15, ge=1)
    """How often KEDA asks."""
    cooldown_seconds: int = Field(default=900, ge=0)
    """How long nobody must have asked before KEDA takes the last replica away."""


class Settings(BaseSettings):
    """The operator's settings. Each is the environment variable TRACEDMODEL_OPERATOR_NAME; objects are JSON."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    default_store_url: str | None = None
    """Store of resources that name none; may hold {namespace}."""
    file_stores: bool = False
    """Whether a file:// store is one that all pods reach. True where pods are processes of one machine."""
    cpu: TargetSettings = _cpu()
    inf1: TargetSettings = _inf1()
    neuron_resource: Literal["aws.amazon.com/neuroncore", "aws.amazon.com/neuron"] = (
        "aws.amazon.com/neuroncore"
    )
    """How the cluster's device plugin offers NeuronCores: one by one, or by chips of four."""
    neuron_scheduler_name: str | None = None
    """The scheduler with Neuron's extension, which finds neighbouring cores for pods that get a part of a node; None:
    there is none, and pods that need more than one device get nodes of their own size."""
    image_pull_secrets: list[str] = []
    """Secrets with registry credentials; each namespace with a TracedModel has them under these names."""
    serving_host: str = "0.0.0.0"  # noqa: S104  # a pod's address is not known before it runs
    serving_port: int = Field(default=8080, ge=1, le=65535)
    hub_cache: str | None = "/scratch/hub"
    """Where exporters keep what they download; empty leaves it to the Hub library."""
    drain_seconds: int = Field(default=5, ge=0)
    """How long a server goes on accepting after it was told to stop, until no one is sent to it any more."""
    grace_seconds: int = Field(default=25, ge=0)
    """How long a server then has to finish what it accepted, at least: longer where a full queue takes longer."""
    backoff_seconds: int = Field(default=10, ge=1)
    """Wait after the first passing failure of an export; it doubles with each more."""
    max_backoff_seconds: int = Field(default=600, ge=1)
    kept_indexes: int = Field(default=3, ge=1)
    """Artifacts of a resource whose index is kept, the served one included: a spec goes back to them at once."""
    namespaces: list[str] = []
    """Namespaces that are watched; empty: all."""
    namespace: str | None = None
    """The operator's own, where its Lease is; by default that of its service account."""
    lease_name: str = "tracedmodel-operator"
    workers: int = Field(default=16, ge=1)
    """How many resources are looked at at a time."""
    reconcile_seconds: int = Field(default=60, ge=1)
    """How long one look may take."""
    resync_seconds: int = Field(default=300, ge=1)
    """How often everything is listed, to find what no watch told of."""
    health_host: str = "0.0.0.0"  # noqa: S104  # a pod's address is not known before it runs
    health_port: int = Field(default=8081, ge=0, le=65535)
    """Port of /healthz, /readyz and /metrics; 0: any that is free."""
    log_format: Literal["json", "text"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    job_ttl_seconds: int = Field(default=3600, ge=0)
    """How long a finished Job stays, with its log, once its outcome is on record."""
    max_concurrent_rollouts: int = Field(default=10, ge=1)
    """How many resources may have their serving pods replaced at a time, across the cluster."""

    autoscaling: Literal["HPA", "KEDA"] = "HPA"
    """What scales by load: a HorizontalPodAutoscaler, or KEDA by a ScaledObject, which alone can scale to zero."""
    scaling: ScalingSettings = ScalingSettings()

    @property
    def keda(self) -> bool:
        """Tell whether KEDA scales by load."""
        return self.autoscaling == "KEDA"

    def target(self, target: Target) -> TargetSettings:
        """Return the settings of a target."""
        return self.cpu if target is Target.CPU else self.inf1

    def with_(self, **changes: Any) -> Settings:
        """Return these settings with some changed."""
        return self.model_copy(update=changes)


def read_settings() -> Settings:
    """Return the settings of the environment; raises Failure InvalidRequest, which names what is wrong in which."""
    try:
        return Settings()
    except ValidationError as error:
        problems = map(_sentence, error.errors(include_url=False))
        raise Failure("InvalidRequest", "; ".join(problems)) from None
    except SettingsError as error:
        name = re.findall(r'"(\w+)"', str(error))[0]
        raise Failure("InvalidRequest", f"${PREFIX}{name.upper()} should be JSON") from None


def _sentence(error: ErrorDetails) -> str:
    variable, *inside = map(str, error["loc"])
    where = " ".join([f"${PREFIX}{variable.upper()}", ".".join(inside)]).strip()
    if error["type"] == "missing":
        return f"{where} is missing"
    # pydantic says "Input should be a valid integer, unable to parse string as an integer".
    wanted = _SUBJECT.sub("", error["msg"].partition(", unable")[0])
    return f"{where} {wanted}, given is {str(error['input'])[:100]!r}"
