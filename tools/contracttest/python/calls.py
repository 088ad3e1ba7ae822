"""Calls by a client that openapi-python-client generated from docs/openapi.json alone: python calls.py URL, TOKEN is its token.

An assertion that fails, or an answer that the generated code cannot read, ends it with a status other than 0.
"""

import datetime
import os
import sys
import uuid

from competitor_prices import AuthenticatedClient
from competitor_prices.api.competitors import get_competitor, list_competitors, put_competitor
from competitor_prices.api.history import list_history
from competitor_prices.api.observations import record_observation, record_observations
from competitor_prices.api.offers import list_offers, query_offers
from competitor_prices.api.products import put_product
from competitor_prices.api.service import get_health
from competitor_prices.api.summaries import get_summary
from competitor_prices.models import (
    Availability,
    Batch,
    BatchItem,
    CatalogueEntry,
    CompetitorSettings,
    CompetitorSettingsKind,
    MoneyType0,
    OffersQuery,
    Problem,
    Source,
    SourceKind,
    Submission,
)

client = AuthenticatedClient(base_url=sys.argv[1], token=os.environ["TOKEN"], raise_on_unexpected_status=True)
product = "PY-" + uuid.uuid4().hex[:12]  # another one in each run
now = datetime.datetime.now(datetime.UTC)
source = Source(id="python", kind=SourceKind.CRAWLER)


def answered(response, status):
    """The body of an answer that has this status."""
    assert response.status_code == status, (response.status_code, response.content)
    assert response.parsed is not None, response.content
    return response.parsed


health = answered(get_health.sync_detailed(client=client), 200)
assert health.limits.batch_items == 500

settings = CompetitorSettings(name="Python's", kind=CompetitorSettingsKind.RETAILER)
put = put_competitor.sync_detailed("pythons", client=client, body=settings)
assert put.status_code in (200, 201) and put.parsed.competitor_id == "pythons", put.content
assert answered(get_competitor.sync_detailed("pythons", client=client), 200).name == "Python's"
assert any(c.competitor_id == "pythons" for c in answered(list_competitors.sync_detailed(client=client, limit=500), 200).competitors)

entry = CatalogueEntry(title="Python's kettle", map_price=MoneyType0(amount="21.00", currency="USD"))
assert answered(put_product.sync_detailed(product, client=client, body=entry), 201).version == 1

seen = Submission(
    product_id=product,
    competitor_id="pythons",
    availability=Availability.INSTOCK,
    price=MoneyType0(amount="19.95", currency="USD"),
    source=source,
    observed_at=now,
)
assert answered(record_observation.sync_detailed(client=client, body=seen), 201).outcome == "created"
assert answered(record_observation.sync_detailed(client=client, body=seen), 200).outcome == "duplicate"
seen.price.amount = "19.955"
problem = answered(record_observation.sync_detailed(client=client, body=seen), 422)
assert isinstance(problem, Problem) and problem.errors[0].pointer == "/price/amount", problem

items = [
    BatchItem(
        product_id=product,
        competitor_id="pythons",
        availability=Availability.SOLDOUT,
        price=None,
        source=source,
        observed_at=now - datetime.timedelta(hours=hours),
    )
    for hours in (1, 2)
]
batch = answered(record_observations.sync_detailed(client=client, body=Batch(observations=items)), 200)
assert [r.outcome for r in batch.results] == ["late", "late"], batch

offers = answered(list_offers.sync_detailed(product, client=client), 200).offers
assert [o.price.amount for o in offers] == ["19.95"], offers
history = answered(list_history.sync_detailed(product, client=client), 200).observations
assert [None if o.price is None else o.price.amount for o in history] == ["19.95", None], history

found = answered(query_offers.sync_detailed(client=client, body=OffersQuery(product_ids=[product, "PY-nobody"])), 207)
assert [r.status for r in found.results] == [200, 404] and found.counts.found == 1, found
summary = answered(get_summary.sync_detailed(product, client=client), 200)
assert summary.market.n == 0 and summary.excluded_counts["shipping-unknown"] == 1, summary
