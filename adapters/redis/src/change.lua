-- Changes the debt of the bucket KEYS[1] by the generic cell rate algorithm. Returns whether that was allowed and the
-- debt after it, both as whole numbers. All times are in microseconds, which a double holds exactly.
-- ARGV: the change (positive to take, negative to give back), the capacity, and in tests the time. By default the time
-- is the server's.
local change = tonumber(ARGV[1])
local capacity = tonumber(ARGV[2])
local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end

local stored = redis.call('GET', KEYS[1])
local before = math.max((stored and tonumber(stored) or 0) - now, 0)
-- More than the capacity is caused by an earlier, higher limit, or by a clock that was set back.
local debt = math.min(before, capacity)

local allowed = debt + change <= capacity
if allowed then
  debt = math.max(debt + change, 0)
end
if debt ~= before then
  if debt > 0 then
    -- The key expires when the bucket is full again.
    redis.call('SET', KEYS[1], string.format('%.0f', now + debt), 'PX', string.format('%.0f', math.ceil(debt / 1000)))
  else
    redis.call('DEL', KEYS[1])
  end
end
return { allowed and 1 or 0, debt }
