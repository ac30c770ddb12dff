"""The application of a server inside the test's own process, without uvicorn: quick, and seen by the coverage."""

import asyncio

import httpx

from serving import MODEL, Asking
from tracedmodel_api.store import Store
from tracedmodel_server.artifact import open_artifact, read_index
from tracedmodel_server.lifecycle import _app
from tracedmodel_server.metrics import Metrics
from tracedmodel_server.service import Engine, Language, Service
from tracedmodel_server.settings import Settings
from tracedmodel_server.workers import Loader


class Inside(Asking):
    """A loaded and proved service, and a client for it that speaks as httpx does."""

    def __init__(self, artifact, folder, **settings):
        self.settings = Settings(
            model_name=MODEL,
            store_url=artifact.store.url,
            index_file=artifact.index_file,
            **settings,
        )
        self.loop = asyncio.new_event_loop()
        self.metrics = Metrics()
        self.service = Service(self.settings, self.metrics)
        self.app = _app(self.settings, self.service, self.metrics)
        self.artifact = open_artifact(
            read_index(artifact.index_file, None), Store(artifact.store.url), folder
        )
        self.loader = Loader(self.artifact.index.target, lambda _: None)
        transport = httpx.ASGITransport(self.app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://inside")

    @property
    def client(self):
        return self

    def start(self):
        """Load, prove and take requests."""

        async def start():
            layout = self.artifact.layout(self.settings.workers, self.settings.neuron_cores)
            workers = await self.loader.load(self.artifact, layout, threads=1)
            language = Language(self.artifact, self.settings)
            self.service.start(Engine(language, workers, self.settings, self.metrics))

        self.run(start())
        return self

    def run(self, work):
        """Run a coroutine in the service's loop."""
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    def request(self, method, path, **more):
        return self.run(self._client.request(method, path, **more))

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, **more):
        return self.request("POST", path, **more)

    def close(self):
        """End the threads and the loop."""
        self.run(self._client.aclose())
        self.service.close()
        self.loader.close()
        self.loop.close()
