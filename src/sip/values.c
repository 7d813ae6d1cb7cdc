/* Ways through the header rows of a message. Rows of one field are chained by index in the order
 * they came. */
#include "sip/message.h"

/* PAR-25-4 */
static bool
may_be_empty(enum sip_header_id id)
{
	return id == SIP_HEADER_SUPPORTED;
}

struct str
sip_message_value(const struct sip_message *message, enum sip_header_id id, bool *found)
{
	uint16_t row = message->first[id];
	*found = row != SIP_NO_HEADER;
	return *found ? message->headers[row].value : (struct str){ NULL, 0 };
}

bool
sip_message_row(const struct sip_message *message, uint16_t *row, struct str *value)
{
	if (*row == SIP_NO_HEADER)
		return false;
	*value = message->headers[*row].value;
	*row = message->headers[*row].next;
	return true;
}

struct sip_values
sip_message_values(const struct sip_message *message, enum sip_header_id id)
{
	return (struct sip_values){ .message = message, .id = id, .row = message->first[id] };
}

bool
sip_next_value(struct sip_values *values, struct str *value)
{
	while (!values->bad) {
		if (sip_next_member(&values->rest, value, &values->bad))
			return true;
		if (values->bad || !sip_message_row(values->message, &values->row, &values->rest))
			return false;
		if (values->rest.len == 0 && may_be_empty(values->id))
			values->rest = (struct str){ NULL, 0 };
	}
	return false;
}

bool
sip_message_lists(const struct sip_message *message, enum sip_header_id id, struct str tag)
{
	struct sip_values values = sip_message_values(message, id);
	for (struct str value; sip_next_value(&values, &value);)
		if (str_ieq(value, tag))
			return true;
	return false;
}
