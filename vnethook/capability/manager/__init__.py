"""Files by which a host's own network manager makes a shared NIC and its bridge at each boot. Pure: values -> text."""
