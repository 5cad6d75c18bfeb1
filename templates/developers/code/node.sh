curl --silent --output line.mjs "$SHOP/static/shared/line.js"
