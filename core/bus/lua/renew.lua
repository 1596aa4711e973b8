-- Renews the leases of a process's nodes by the server's clock, and checks that no other cluster uses this Redis.
-- KEYS: cluster id, leases. ARGV: our cluster id, lease in ms, how long the id outlives the last lease in ms, nodes ….
-- Returns {cluster id found, 1 if each lease was known before, else 0}: where not, Redis has lost what it held.
local cluster = redis.call('GET', KEYS[1])
if cluster and cluster ~= ARGV[1] then return {cluster, 0} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = 1
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
for i = 4, #ARGV do
  if redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[i]) == 1 then known = 0 end
end
return {ARGV[1], known}
