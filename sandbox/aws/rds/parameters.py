"""Parameters of the engines that RDS runs: defaults, types, what they may be, when a change takes effect.

A selection of the several hundred that DescribeDBParameters lists.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any

# name | default | data type | apply type | allowed values
_POSTGRES = """
autovacuum||boolean|dynamic|0,1
autovacuum_analyze_scale_factor||float|dynamic|0-100
autovacuum_max_workers|GREATEST({DBInstanceClassMemory/64371566592},3)|integer|static|1-262143
autovacuum_naptime|15|integer|dynamic|1-2147483
autovacuum_vacuum_cost_limit|GREATEST({log(DBInstanceClassMemory/21474836480)*600},200)|integer|dynamic|-1-10000
autovacuum_vacuum_scale_factor|0.1|float|dynamic|0-100
auto_explain.log_min_duration||integer|dynamic|-1-2147483647
checkpoint_completion_target|0.9|float|dynamic|0-1
checkpoint_timeout|300|integer|dynamic|30-86400
checkpoint_warning|30|integer|dynamic|0-2147483647
client_encoding|UTF8|string|dynamic|
cron.database_name|postgres|string|static|
deadlock_timeout|1000|integer|dynamic|1-2147483647
default_statistics_target||integer|dynamic|1-10000
default_transaction_isolation|read committed|string|dynamic|serializable,repeatable read,read committed,read uncommitted
effective_cache_size|{DBInstanceClassMemory/16384}|integer|dynamic|1-2147483647
effective_io_concurrency|256|integer|dynamic|0-1000
hot_standby_feedback|0|boolean|dynamic|0,1
huge_pages|on|string|static|on,off
idle_in_transaction_session_timeout|86400000|integer|dynamic|0-2147483647
idle_session_timeout||integer|dynamic|0-2147483647
jit||boolean|dynamic|0,1
lock_timeout||integer|dynamic|0-2147483647
log_autovacuum_min_duration|10000|integer|dynamic|-1-2147483647
log_checkpoints||boolean|dynamic|0,1
log_connections||boolean|dynamic|0,1
log_disconnections||boolean|dynamic|0,1
log_error_verbosity||string|dynamic|default,verbose,terse
log_hostname|0|boolean|dynamic|0,1
log_lock_waits||boolean|dynamic|0,1
log_min_duration_statement||integer|dynamic|-1-2147483647
log_min_error_statement||string|dynamic|debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic
log_min_messages||string|dynamic|debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log,fatal,panic
log_rotation_age|60|integer|dynamic|1-1440
log_rotation_size|10240|integer|dynamic|50000-1000000
log_statement||string|dynamic|none,ddl,mod,all
log_temp_files||integer|dynamic|-1-2147483647
maintenance_work_mem|GREATEST({DBInstanceClassMemory*1024/63963136},65536)|integer|dynamic|1024-2147483647
max_connections|LEAST({DBInstanceClassMemory/9531392},5000)|integer|static|6-262143
max_locks_per_transaction|64|integer|static|10-2147483647
max_logical_replication_workers||integer|static|0-262143
max_parallel_maintenance_workers||integer|dynamic|0-1024
max_parallel_workers|GREATEST(${DBInstanceVCPU/2},8)|integer|dynamic|0-1024
max_parallel_workers_per_gather||integer|dynamic|0-1024
max_prepared_transactions|0|integer|static|0-262143
max_replication_slots|20|integer|static|5-262143
max_slot_wal_keep_size||integer|dynamic|-1-2147483647
max_standby_archive_delay|30000|integer|dynamic|-1-2147483647
max_standby_streaming_delay|30000|integer|dynamic|-1-2147483647
max_wal_senders|20|integer|static|5-262143
max_wal_size|2048|integer|dynamic|128-201326592
max_worker_processes|GREATEST(${DBInstanceVCPU*2},8)|integer|static|0-262143
min_wal_size|192|integer|dynamic|128-201326592
password_encryption||string|dynamic|md5,scram-sha-256
pg_stat_statements.max||integer|static|100-2147483647
pg_stat_statements.track||string|dynamic|none,top,all
pgaudit.log||string|dynamic|
pgaudit.role||string|dynamic|
random_page_cost||float|dynamic|0-1.79769e+308
rds.accepted_password_auth_method|md5+scram|string|dynamic|md5+scram,scram
rds.allowed_extensions|*|string|dynamic|
rds.extensions||string|unmodifiable|
rds.force_admin_logging_level|disabled|string|dynamic|disabled,debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log
rds.force_autovacuum_logging_level|warning|string|dynamic|disabled,debug5,debug4,debug3,debug2,debug1,info,notice,warning,error,log
rds.force_ssl|1|boolean|dynamic|0,1
rds.log_retention_period|4320|integer|dynamic|1440-10080
rds.logical_replication|0|boolean|static|0,1
rds.restrict_password_commands|0|boolean|static|0,1
search_path||string|dynamic|
seq_page_cost||float|dynamic|0-1.79769e+308
shared_buffers|{DBInstanceClassMemory/32768}|integer|static|16-1073741823
shared_preload_libraries|pg_stat_statements|list|static|auto_explain,orafce,pgaudit,pglogical,pg_bigm,pg_cron,pg_hint_plan,pg_prewarm,pg_similarity,pg_stat_statements,pg_tle,pg_transport,plprofiler,plrust
ssl|1|boolean|unmodifiable|0,1
ssl_max_protocol_version||string|dynamic|TLSv1.2,TLSv1.3
ssl_min_protocol_version|TLSv1.2|string|dynamic|TLSv1.2,TLSv1.3
statement_timeout||integer|dynamic|0-2147483647
synchronous_commit|on|string|dynamic|local,on,off
tcp_keepalives_count||integer|dynamic|0-2147483647
tcp_keepalives_idle||integer|dynamic|0-2147483647
tcp_keepalives_interval||integer|dynamic|0-2147483647
temp_buffers||integer|dynamic|100-1073741823
temp_file_limit||integer|dynamic|-1-2147483647
timezone|UTC|string|dynamic|
track_activity_query_size|4096|integer|static|100-1048576
track_commit_timestamp||boolean|static|0,1
track_functions|pl|string|dynamic|none,pl,all
track_io_timing|1|boolean|dynamic|0,1
vacuum_cost_page_miss||integer|dynamic|0-10000
wal_buffers||integer|static|-1-262143
wal_compression|1|boolean|dynamic|0,1
wal_receiver_timeout|30000|integer|dynamic|0-3600000
wal_sender_timeout|30000|integer|dynamic|0-3600000
work_mem||integer|dynamic|64-2147483647
"""
_SQLSERVER = """
affinity mask|0|integer|dynamic|0-2147483647
blocked process threshold (s)|0|integer|dynamic|0-86400
contained database authentication|0|boolean|dynamic|0,1
cost threshold for parallelism|5|integer|dynamic|0-32767
cursor threshold|-1|integer|dynamic|-1-2147483647
default trace enabled|1|boolean|dynamic|0,1
fill factor (%)|0|integer|static|0-100
lightweight pooling|0|boolean|static|0,1
locks|0|integer|static|0,5000-2147483647
max degree of parallelism|0|integer|dynamic|0-32767
max server memory (mb)|{DBInstanceClassMemory*75/104857600}|integer|dynamic|128-2147483647
max worker threads|0|integer|dynamic|0,128-65535
min memory per query (kb)|1024|integer|dynamic|512-2147483647
nested triggers|1|boolean|dynamic|0,1
optimize for ad hoc workloads|0|boolean|dynamic|0,1
query wait (s)|-1|integer|dynamic|-1-2147483647
rds.fips|0|boolean|static|0,1
rds.force_ssl|0|boolean|static|0,1
rds.tls12|default|string|static|default,enabled,disabled
recovery interval (min)|0|integer|dynamic|0-32767
remote login timeout (s)|10|integer|dynamic|0-2147483647
user connections|0|integer|static|0-32767
user options|0|integer|dynamic|0-32767
"""
_SYSTEM_SOURCE = {
    "autovacuum_max_workers",
    "max_connections",
    "shared_buffers",
    "effective_cache_size",
    "maintenance_work_mem",
    "rds.force_ssl",
    "shared_preload_libraries",
    "ssl",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a family."""

    name: str
    default: str | None
    data_type: str
    apply_type: str
    allowed: str
    modifiable: bool

    @property
    def static(self) -> bool:
        """Whether a change waits for a reboot."""
        return self.apply_type == "static"

    def accepts(self, value: str) -> bool:
        """Whether RDS takes ``value``; formulas are taken as they are."""
        if not self.allowed or "{" in value:
            return True
        if self.data_type in ("integer", "float"):
            try:
                number = float(value)
            except ValueError:
                return False
            return any(_in_range(number, part) for part in self.allowed.split(","))
        known = self.allowed.split(",")
        values = [item.strip() for item in value.split(",")] if self.data_type == "list" else [value]
        return all(item in known for item in values)

    def describe(self, value: str | None, method: str) -> dict[str, Any]:
        """An entry of DescribeDBParameters; ``value`` is the user's, None = the default."""
        source = "user" if value is not None else ("system" if self.name in _SYSTEM_SOURCE else "engine-default")
        shown = value if value is not None else self.default
        return {
            "ParameterName": self.name,
            **({"ParameterValue": shown} if shown is not None else {}),
            "Description": self.name.replace("_", " ").capitalize(),
            "Source": source,
            "ApplyType": self.apply_type,
            "DataType": self.data_type,
            **({"AllowedValues": self.allowed} if self.allowed else {}),
            "IsModifiable": self.modifiable,
            "ApplyMethod": method,
        }


def _in_range(number: float, part: str) -> bool:
    found = re.fullmatch(r"(-?[\d.]+)-([\d.e+]+)", part)
    if found is None:
        return number == float(part)
    return float(found[1]) <= number <= float(found[2])


@functools.cache
def parameters_of(family: str) -> dict[str, Parameter]:
    """Parameters of a family by name; KeyError for a family that RDS does not have."""
    if family not in FAMILIES:
        raise KeyError(family)
    found = {}
    for line in (_POSTGRES if family.startswith("postgres") else _SQLSERVER).strip().splitlines():
        name, default, data_type, apply_type, *allowed = line.split("|")
        modifiable = apply_type != "unmodifiable"
        if name == "rds.force_ssl" and family in ("postgres13", "postgres14"):
            default = "0"
        found[name] = Parameter(
            name, default or None, data_type, apply_type if modifiable else "static", "|".join(allowed), modifiable
        )
    return found


FAMILIES = (
    *(f"postgres{major}" for major in ("13", "14", "15", "16", "17", "18")),
    *(f"sqlserver-{edition}-{major}" for edition in ("ee", "se", "ex", "web") for major in ("15.0", "16.0")),
)
