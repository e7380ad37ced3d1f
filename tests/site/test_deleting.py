"""A conversation can be deleted at any moment, also while its run is being stored."""

from concurrent.futures import ThreadPoolExecutor

import psycopg

from tests.servers import wait_for
from tests.simulator.client import SimulatorClient
from tests.site.exchanges import ask
from tests.site.pairs import Pair, needs_servers

pytestmark = needs_servers


def test_deleting_waits_for_a_run_that_is_being_stored_and_holds_nothing_that_it_needs(
    pair: Pair, simulator: SimulatorClient
) -> None:
    """We store it, in the order of Generation._end(): the run first, then what it has written."""
    simulator.script("sim", {"text": "Some words. " * 20, "tokens_per_s": 0, "hold_at": (100,)})
    url = pair.writer.settings["DATABASE_URL"]
    with pair.other.signed_in("alice") as client, psycopg.connect(url) as storing, ThreadPoolExecutor(1) as meanwhile:
        exchange = ask(pair.other, client)
        wait_for(lambda: exchange.segments() > 0)
        storing.execute("SELECT 1 FROM conversations_generation WHERE id = %s FOR UPDATE", [exchange.generation_id])
        deleting = meanwhile.submit(client.post, f"{exchange.url}delete")
        wait_for(lambda: is_waited_for(url, storing))
        storing.execute("DELETE FROM conversations_draftsegment WHERE generation_id = %s", [exchange.generation_id])
        storing.commit()

        assert deleting.result().status_code == 302
        assert client.get(exchange.url).status_code == 404


def is_waited_for(url: str, holder: psycopg.Connection) -> bool:
    """By the deletion: the run's own process, which waits too, changes one row and holds nothing."""
    sql = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND %s = ANY(pg_blocking_pids(pid)) AND query ~ 'FOR UPDATE|DELETE'"""
    with psycopg.connect(url) as looking:
        return looking.execute(sql, [holder.info.backend_pid]).fetchone() != (0,)
