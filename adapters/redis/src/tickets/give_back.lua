-- Forgets tickets that a claim has. KEYS: as in offer.lua. ARGV: the claim, and the ids; without ids all of the claim.
local held, tickets = KEYS[2], KEYS[3]
local ids = {}
for i = 2, #ARGV do
  ids[i - 1] = ARGV[i]
end
if #ids == 0 then
  ids = redis.call('ZRANGE', held, 0, -1)
end
for _, id in ipairs(ids) do
  local holder = string.match(redis.call('HGET', tickets, id) or '', '^%d+ (.+)$')
  if holder == ARGV[1] then
    redis.call('ZREM', held, id)
    redis.call('HDEL', tickets, id)
  end
end
