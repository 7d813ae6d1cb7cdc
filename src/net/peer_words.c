/* What can be told of a peer without looking it up. */
#include "base/log.h"
#include "net/net.h"

bool
peer_relayed(const struct peer *peer)
{
	return !endpoint_equal(&peer->source, &peer->hop);
}

void
peer_log(struct log_line *line, const struct peer *peer)
{
	log_endpoint(line, "src", &peer->source);
	if (peer_relayed(peer))
		log_endpoint(line, "peer", &peer->hop);
}
