# about: the person on call gets a notice
# class: benign
# expect: bulk notifies-internal
require ["enotify"];
if address :is "from" "zabbix@corp.example" {
  notify :message "disaster" "mailto:oncall@corp.example";
}
