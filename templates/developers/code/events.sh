curl --silent --header "X-Api-Key: $KEY" "$SHOP/api/v1/events?after=0"
