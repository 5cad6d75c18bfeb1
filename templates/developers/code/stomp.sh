npm install @stomp/stompjs ws
