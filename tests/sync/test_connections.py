"""The clients that a worker has open."""

from mydia_web.sync.outbound.connections import Connections


def test_a_dropped_client_stays_open_for_the_push_under_way_and_is_closed_with_the_others(
    session, server, alice
):
    connections = Connections()
    dropped = connections.get(server.id, alice.id)
    connections.drop(server.id, alice.id)
    other = connections.get(server.id, alice.id)
    assert other is not dropped
    clients = [one._http._client for one in (dropped, other)]
    assert not any(client.is_closed for client in clients)
    connections.close()
    assert all(client.is_closed for client in clients)
