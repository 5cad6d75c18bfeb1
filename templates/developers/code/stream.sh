curl --silent --no-buffer --header "X-Api-Key: $KEY" "$SHOP/live/sse?topic=order/$ORDER"
