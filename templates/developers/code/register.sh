curl --silent --header "X-Api-Key: $KEY" --header "Content-Type: application/json" \
  --data "{\"url\": \"$HOOK\"}" "$SHOP/api/v1/webhooks"
