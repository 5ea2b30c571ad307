"""The Cluster contract on the real adapter and a real API server, with exactly the rights of deploy/rbac."""

import pytest

from tests.cluster.kubernetes_stage import KubectlStage
from tests.contracts.clusters_suite import ClusterContract
from tests.rig.rig import Namespace


class TestKubernetes(ClusterContract):
    @pytest.fixture
    def stage(self, namespace: Namespace) -> KubectlStage:
        return KubectlStage.of(namespace)
