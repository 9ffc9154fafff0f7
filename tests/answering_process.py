"""Somebody who answers all they are asked in a process of their own, and prints what was acknowledged.

python answering_process.py PLACE NAME
"""

import sys
from uuid import uuid4

from askless.types import Answer
from small_campaign import TRUTH, reopen


def answer_all(place: str, name: str) -> None:
    campaign = reopen(place)
    batches = [batch for batch in campaign.leased() if batch.annotator == name]
    while batches := batches or campaign.ask([name]):
        for batch in batches:
            for item in batch.items:
                answer = Answer(item, int(TRUTH[item]), id=uuid4().bytes)
                campaign.tell(batch.id, [answer])
                print(f"{answer.id.hex()} acknowledged", flush=True)
        batches = []
    campaign.close()


if __name__ == "__main__":
    answer_all(*sys.argv[1:])
