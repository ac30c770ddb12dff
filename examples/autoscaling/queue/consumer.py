"""Take requests from a RabbitMQ queue, ask a TracedModel, and send its answers back, however long its first replica takes.

Messages are requests as the server takes them, ``{"instances": ["…"]}``. One is acknowledged once it is answered: if
this consumer ends before, another gets it. Needs pika.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable

import pika

ASK_AGAIN = (429, 502, 503, 504)
LONGEST_WAIT_SECONDS = 15.0


def ask(url: str, body: bytes, sleep: Callable[[float], None]) -> bytes:
    """Return the model's answer, or what it says of a request that it cannot answer; asks until there is either."""
    wait = 1.0
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body), timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code not in ASK_AGAIN:
                return error.read()
            wait = max(wait, float(error.headers.get("Retry-After", 0)))
        except OSError:
            pass  # Refused: nothing runs yet.
        sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


def main() -> None:
    """Answer one message after the other."""
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    channel.queue_declare(os.environ["QUEUE"], durable=True)
    channel.basic_qos(prefetch_count=1)
    for method, properties, body in channel.consume(os.environ["QUEUE"]):
        # The connection's own sleep keeps it alive while a node comes.
        answer = ask(os.environ["MODEL_URL"], body, connection.sleep)
        if properties.reply_to:
            told = pika.BasicProperties(correlation_id=properties.correlation_id)
            channel.basic_publish("", properties.reply_to, answer, told)
        channel.basic_ack(method.delivery_tag)


if __name__ == "__main__":
    main()
