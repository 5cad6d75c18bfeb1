curl --silent --output lockstep.py "$SHOP/developers/lockstep.py"
pip install websockets
