curl --silent --header "X-Api-Key: $KEY" "$SHOP/live/poll?topic=order/$ORDER"
