curl --silent --request POST --header "X-Api-Key: $KEY" "$SHOP/api/v1/live/tickets"
