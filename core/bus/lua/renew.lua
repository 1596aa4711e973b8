-- Renews the leases of a process's nodes by the server's clock.
-- KEYS: leases. ARGV: lease in ms, nodes ….
-- Returns {server's time in epoch ms, 1 if each lease was known before, else 0}: where not, Redis has lost what it held.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = 1
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for i = 2, #ARGV do
  if redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) == 1 then known = 0 end
end
return {now, known}
