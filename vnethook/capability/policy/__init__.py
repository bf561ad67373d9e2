"""What the firewall lets through, as nft rules: `table` is all networks', each other module fills chains of one."""
