"""examples/eks: the account that pods run as may do with the store what they do, and nothing else."""

import json

import boto3
import pytest
from moto import settings
from moto.core.responses import ActionAuthenticatorMixin

from builders import a_blob, a_graph
from eks import CLUSTERS, MODEL, VALUES, association, cluster
from pod_identity import agent
from s3_server import make_bucket, s3_server
from tracedmodel_api.report import Failure
from tracedmodel_api.store import Store

URL = VALUES["settings"]["defaultStoreUrl"]
ROLE = association()


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_cluster_has_the_account_that_the_model_names(name):
    document = cluster(name)
    assert ROLE in document["iam"]["podIdentityAssociations"]
    assert ROLE["serviceAccountName"] == MODEL["spec"]["serviceAccountName"]
    assert ROLE["createServiceAccount"]
    assert {"name": "eks-pod-identity-agent"} in document["addons"]


@pytest.fixture
def endpoint():
    """S3, IAM and STS, with the bucket of the store."""
    with s3_server() as found:
        make_bucket(found, URL.split("/")[2])
        yield found


@pytest.fixture
def lent(endpoint):
    """Credentials of the role, as STS lends them."""
    root = {
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": "root",
        "aws_secret_access_key": "root",
    }
    iam, name = boto3.client("iam", **root), {"RoleName": ROLE["roleName"]}
    made = iam.create_role(**name, AssumeRolePolicyDocument="{}")["Role"]
    policy = json.dumps(ROLE["permissionPolicy"])
    iam.put_role_policy(**name, PolicyName="store", PolicyDocument=policy)
    sts = boto3.client("sts", **root)
    yield sts.assume_role(RoleArn=made["Arn"], RoleSessionName="pod")["Credentials"]
    iam.delete_role_policy(**name, PolicyName="store")
    iam.delete_role(**name)


@pytest.fixture
def pod(endpoint, lent):
    """The environment of a pod that runs as the account, before an S3 that asks what it may."""
    with pytest.MonkeyPatch.context() as patch, agent(lent) as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        environment |= {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint}
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
        patch.setattr(ActionAuthenticatorMixin, "request_count", 0)
        yield


@pytest.mark.usefixtures("pod")
def test_pods_may_export_to_the_store_of_their_namespace_and_serve_from_it():
    store = Store(URL.format(namespace=MODEL["metadata"]["namespace"]))
    graph = a_graph()
    assert store.graph(graph.fingerprint) is None
    blob = store.put(b"weights")
    store.publish(graph)
    assert store.has(blob)
    assert store.read(blob.digest) == b"weights"
    assert store.graph(graph.fingerprint) == graph


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize("deed", ["put", "has"])
def test_pods_may_not_use_the_store_of_another_namespace(deed):
    store = Store(URL.format(namespace="ranking"))
    argument = {"put": b"weights", "has": a_blob("weights")}[deed]
    with pytest.raises(Failure, match="privileges") as caught:
        getattr(store, deed)(argument)
    assert caught.value.reason.name == "StoreUnreachable"


@pytest.mark.usefixtures("pod")
def test_pods_may_not_delete_what_others_serve():
    store = Store(URL.format(namespace=MODEL["metadata"]["namespace"]))
    store.put(b"weights")
    with pytest.raises(Failure, match="cannot delete"):
        store.objects.delete(store.objects.paths())
